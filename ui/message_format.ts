// The template of `--format`: checked once, then filled in for each message. Pure.

import type { RoomEvent } from "../room.ts";
import { printable } from "../text/printable.ts";

/** The fields of a template; docs/commands.md explains them. */
export const FORMAT_FIELDS = ["date", "time", "name", "text", "kind"] as const;
type Field = typeof FORMAT_FIELDS[number];

/** A template that has been checked: what is between the fields, and the fields. */
export type MessageFormat = readonly (string | { readonly field: Field })[];

/** Why a template cannot be used: continues a sentence that names it; and what to try. */
interface FormatFault {
  readonly fault: string;
  readonly hint: string;
}

/** `{{`, `}}`, a field, or a brace without its partner. */
const PART = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/**
 * Checks a template.
 *
 * @example
 * ```ts
 * parseFormat("{name}: {text}"); // [{ field: "name" }, ": ", { field: "text" }]
 * ```
 */
export function parseFormat(template: string): MessageFormat | FormatFault {
  const fields = FORMAT_FIELDS.map((field) => `{${field}}`).join(" ");
  const parts: (string | { field: Field })[] = [];
  let end = 0;
  for (const { 0: part, 1: name, index } of template.matchAll(PART)) {
    if (index > end) parts.push(template.slice(end, index));
    end = index + part.length;
    if (part === "{{" || part === "}}") parts.push(part[0]!);
    else if (name === undefined) {
      return {
        fault: `"${part}" has no partner`,
        hint: `For a brace itself, write ${part}${part}`,
      };
    } else if (isField(name)) parts.push({ field: name });
    else {
      return { fault: `there is no field ${printable(part)}`, hint: `The fields are ${fields}` };
    }
  }
  parts.push(template.slice(end));
  if (parts.some((part) => typeof part !== "string")) return parts.filter((part) => part !== "");
  return { fault: "it has no field", hint: `Write for example '{time} {name}: {text}'` };
}

function isField(name: string): name is Field {
  return (FORMAT_FIELDS as readonly string[]).includes(name);
}

/**
 * A message on one line, safe to print as far as it comes from others. A template that does not show the kind of a
 * message gets the marks of plain lines: nobody shall take a direct message for one to the room.
 *
 * @param at the time to show
 */
export function formatMessage(
  format: MessageFormat,
  event: RoomEvent & { type: "message" | "direct" | "edited" },
  at: Date,
): string {
  const { type, from, text } = event;
  const isAction = event.action;
  const showsKind = format.some((part) => typeof part !== "string" && part.field === "kind");
  const values: Record<Field, string> = {
    date: [at.getFullYear(), at.getMonth() + 1, at.getDate()].map(two).join("-"),
    time: [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":"),
    name: printable(from.name),
    text: (isAction && !showsKind ? "* " : "") + printable(text),
    kind: type === "message" && isAction ? "action" : type,
  };
  const line = format.map((part) => typeof part === "string" ? part : values[part.field]).join("");
  return type === "direct" && !showsKind ? `(direct) ${line}` : line;
}

const two = (n: number) => String(n).padStart(2, "0");
