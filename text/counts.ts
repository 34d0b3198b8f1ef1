// A number with what it counts, in the singular or the plural. Pure.

/**
 * @example
 * ```ts
 * counted(1, "message"); // "1 message"
 * counted(2, "try", "tries"); // "2 tries"
 * ```
 */
export function counted(count: number, one: string, several: string = `${one}s`): string {
  return `${count} ${count === 1 ? one : several}`;
}
