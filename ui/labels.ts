// The label of a message: its sender, and how it was sent. Pure; knows no rows.

import type { Person } from "../room.ts";
import { printable } from "../text/printable.ts";
import { nameStyle, paint, type Palette } from "./theme.ts";

/** The sender of a message, and its kind. */
export interface Label {
  readonly who: Person;
  readonly kind: "message" | "action" | "direct" | "direct action" | "sent";
}

/** A label without colours. */
export function plainLabel({ who, kind }: Label): string {
  const name = printable(who.name);
  switch (kind) {
    case "message":
      return name;
    case "action":
      return `* ${name}`;
    case "direct":
      return `${name} → you`;
    case "direct action":
      return `* ${name} → you`;
    case "sent":
      return `you → ${name}`;
  }
}

export function paintedLabel({ who, kind }: Label, palette: Palette): string {
  const styles = [nameStyle(palette, who.name), ...who.self ? [palette.own] : []];
  const name = paint(printable(who.name), styles);
  if (kind === "sent") return paint("you →", palette.direct) + " " + name;
  const star = kind.endsWith("action") ? "* " : "";
  return star + name + (kind.startsWith("direct") ? " " + paint("→ you", palette.direct) : "");
}
