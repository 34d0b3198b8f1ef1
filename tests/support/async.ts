// Test helper: a limit on how long a test waits for an event. Knows nothing of the program.

/** In ms: longer than a busy machine needs for any event. It only ends a test that would hang. */
export const PATIENCE_MS = 120_000;

/**
 * The result of `promise`.
 *
 * @param what the event that the test waits for; the error names it
 * @throws {Error} if `promise` has not settled within two minutes
 */
export async function within<T>(what: string, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`This never came: ${what}`)), PATIENCE_MS);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
