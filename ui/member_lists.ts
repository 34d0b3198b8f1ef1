// Lists of members in words: those that are here, and folded after them those that are away. Pure. They quote names:
// `printable()` before they are shown.

import { bareName, type Person } from "../room.ts";
import { printable } from "../text/printable.ts";
import { cut } from "../text/width.ts";
import { MONTHS, two, WEEKDAYS } from "./rows.ts";

/** Away members that are named before the rest is counted. */
const MAX_AWAY = 5;
/** Columns of an away text in a list of members. */
const MAX_STATUS_COLUMNS = 40;
/** Within these days a weekday is clear. */
const WEEK_DAYS = 6;
const MINUTE_MS = 60 * 1000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** A member in a list of members. A name has no spaces, so no name can imitate a mark. */
export function listed({ name, self, away, classic, status }: Person): string {
  const why = status === undefined ? name : `${name} (away: ${quoted(status, MAX_STATUS_COLUMNS)})`;
  if (self) return why;
  return away ? `${name} (away)` : classic ? `${name} (classic)` : why;
}

/** The beginning of a text in double quotes, of which it has none itself: so it cannot look like the rest of a list. */
export function quoted(text: string, most: number): string {
  return `"${cut(printable(text).replaceAll('"', "'"), most)}"`;
}

/** Which members are here, the user always, and which are away: the last ones first. */
export function fold(members: readonly Person[]): { here: Person[]; away: Person[] } {
  const isAway = (member: Person) => member.away && !member.self;
  return {
    here: members.filter((member) => !isAway(member)),
    away: members.filter(isAway).sort((one, other) => timeOf(other) - timeOf(one)),
  };
}

function timeOf({ since }: Person): number {
  return since?.getTime() ?? 0;
}

/**
 * A time in the past, by this machine's clock and no longer than needed: `23:10` today, `Mon 09:12` in the last days,
 * `12 Mar`, `12 Mar 2025`.
 */
export function pastTime(time: Date, now: Date): string {
  return timeText(time, now, dayOf(now) - dayOf(time));
}

/** The same of a time in the future. */
export function futureTime(time: Date, now: Date): string {
  return timeText(time, now, dayOf(time) - dayOf(now));
}

function timeText(time: Date, now: Date, days: number): string {
  const clock = `${two(time.getHours())}:${two(time.getMinutes())}`;
  if (days === 0) return clock;
  if (days > 0 && days <= WEEK_DAYS) return `${WEEKDAYS[time.getDay()]!.slice(0, 3)} ${clock}`;
  const day = `${time.getDate()} ${MONTHS[time.getMonth()]!.slice(0, 3)}`;
  return time.getFullYear() === now.getFullYear() ? day : `${day} ${time.getFullYear()}`;
}

/** Numbers the days of this machine's time zone. */
function dayOf(time: Date): number {
  return Math.floor((time.getTime() - time.getTimezoneOffset() * MINUTE_MS) / DAY_MS);
}

/** ` since 23:10`; empty if the time is not known. */
function sinceWhen({ since }: Person, now: Date): string {
  return since ? ` since ${pastTime(since, now)}` : "";
}

/**
 * Away members, the last ones first: `bob since 23:10, carol since Mon 09:12 and 480 more`.
 *
 * @param away as `fold` returns them
 * @param named what stands for a member instead of its name
 */
export function awayText(
  away: readonly Person[],
  now: Date,
  named = ({ name }: Person) => name,
  most = MAX_AWAY,
): string {
  const names = away.slice(0, most).map((who) => named(who) + sinceWhen(who, now)).join(", ");
  const more = away.length - most;
  return more > 0 ? `${names} and ${more} more` : names;
}

/** The same after a list of those that are here: `; 2 away: bob since 23:10, …`. Empty if nobody is away. */
export function andAway(away: readonly Person[], now: Date): string {
  return away.length === 0 ? "" : `; ${away.length} away: ${awayText(away, now)}`;
}

/** After a direct message to a member that is away; undefined if it is not. */
export function laterText({ to }: { readonly to: Person }, now: Date): string | undefined {
  if (!to.away || to.self) return undefined;
  return `${to.name} has been away${sinceWhen(to, now)} and gets this on return`;
}

/** A member that takes the place of its old session. If it has another name now, the old one follows. */
export function returned(
  { who, replaces }: { readonly who: Person; readonly replaces?: Person },
): string {
  const before = replaces && bareName(replaces.name);
  return before === undefined || before === bareName(who.name)
    ? listed(who)
    : `${listed(who)} (was ${before || replaces!.name})`;
}
