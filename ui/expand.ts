// What the beginning of a line turns into while it is typed: a command that means "the last one" names it as soon as the
// blank is typed, so that nothing that arrives later changes what is meant. Reads the table of commands; runs none.

import type { Expansion } from "../terminal/editor.ts";
import { COMMANDS } from "./commands.ts";
import type { Context } from "./context.ts";

/**
 * What replaces the beginning of `text`; undefined if nothing does.
 *
 * @example
 * ```ts
 * expand("/reply at ten", context); // { to: 7, text: "/msg bob " }
 * ```
 */
export function expand(
  text: string,
  context: Pick<Context, "room" | "preferences">,
): Expansion | undefined {
  const [start, name] = /^\/([a-z]+)\s+/.exec(text) ?? [];
  if (start === undefined) return undefined;
  const command = COMMANDS.find((c) => c.name === name);
  const expanded = command?.expand?.(context, text.slice(start.length));
  return expanded && { to: start.length + expanded.used, text: expanded.text };
}
