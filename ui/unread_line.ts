// The line where unread messages begin. Pure. It is printed before the first message that the user may not see, and
// cannot be changed later, so it gives a time and no count.

import { cut, width } from "../text/width.ts";
import type { UnreadFrom } from "./alerts.ts";
import { pastTime } from "./member_lists.ts";

/** The longest form that fits, such as `── new since you left the window, 14:02 ──`. */
export function unreadLine({ since, by }: UnreadFrom, now: Date, columns: number): string {
  const time = pastTime(since, now);
  const what = by === "focus" ? "left the window" : "last pressed a key";
  const forms = [`new since you ${what}, ${time}`, `new since ${time}`]
    .map((form) => `── ${form} ──`);
  return forms.find((form) => width(form) < columns) ?? cut(forms.at(-1)!, columns - 1);
}
