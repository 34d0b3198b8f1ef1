// What a user means by the name of a transfer, for all commands alike. Pure. Names come from others, so a handle never means one thing to the
// user and another to the program: a number is only a number, and what could mean several things is an error.

import { printable } from "../text/printable.ts";

/** A transfer, as far as its handles matter. */
export interface Handled {
  readonly number: number;
  /** The path of the file: any text. The user may write it as it is shown, or only its last part. */
  readonly name: string;
  /** The name of the other member, as it is shown; undefined for an offer to the room. */
  readonly who: string | undefined;
  /** It comes from another member. */
  readonly isIncoming: boolean;
}

/** Numbers in the hint: a member may offer thousands of files of one name. */
const MAX_CANDIDATES = 10;

const NUMBER = /^#?(\d{1,9})$/;
const RANGE = /^#?(\d{1,9})-#?(\d{1,9})$/;

/**
 * Finds the transfers that a handle means: `all` of them, a number, a range of numbers, all of one member, or a file's
 * path or its last part. A handle that looks like a number means nothing else: a member may offer a file that is called `1`.
 *
 * @returns several if the handle means all of them; `ambiguous` if it could mean different ones
 */
export function findHandled<T extends Handled>(
  all: readonly T[],
  handle: string | number,
): { readonly found: readonly T[] } | { readonly ambiguous: readonly T[] } {
  if (handle === "all") return { found: all };
  const text = String(handle);
  const [, number] = NUMBER.exec(text) ?? [];
  const [, first = number, last = number] = RANGE.exec(text) ?? [];
  if (first !== undefined) {
    const inRange = (n: number) => Number(first) <= n && n <= Number(last);
    return { found: all.filter(({ number }) => inRange(number)) };
  }
  const shown = pathOf(text);
  const isOf = ({ who }: Handled) => who === text;
  const isCalled = ({ name }: Handled) => {
    const path = pathOf(name);
    return path === shown || path.endsWith(`/${shown}`) && shown !== "" && !shown.includes("/");
  };
  const ofMember = all.filter(isOf);
  const ofName = all.filter(isCalled);
  // A member may have a name that looks like a file's.
  if (ofMember.length > 0) {
    if (ofName.every(isOf)) return { found: ofMember };
    return { ambiguous: all.filter((one) => isOf(one) || isCalled(one)) };
  }
  // This client's own transfers of one file belong together, and so do those from one member.
  const sources = new Set(ofName.map(({ isIncoming, who }) => isIncoming ? who : undefined));
  if (sources.size > 1) return { ambiguous: ofName };
  const exact = ofName.filter(({ name }) => pathOf(name) === shown);
  return { found: exact.length > 0 ? exact : ofName };
}

/** A path as it is shown, without the slash at the end of a folder. */
function pathOf(name: string): string {
  return printable(name).replace(/\/$/, "");
}

/** The hint for a handle that could mean several transfers: their numbers, the first ones of many. */
export function whichOf(transfers: readonly Pick<Handled, "number">[]): string {
  const numbers = transfers.slice(0, MAX_CANDIDATES).map(({ number }) => number).join(", ");
  const more = transfers.length - MAX_CANDIDATES;
  return `Say which by its number: ${numbers}${more > 0 ? ` or ${more} more` : ""}`;
}
