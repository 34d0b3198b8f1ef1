// Names of files, as somebody else chose them: made into one that every system takes as the name of an ordinary
// file in the folder at hand, and no system as anything else. Pure; knows no folder.

import { graphemesFrom } from "../text/graphemes.ts";

/** Longest name in bytes of UTF-8: ext4, APFS and most others have this limit; NTFS counts UTF-16, which is less. */
export const MAX_FILENAME_BYTES = 255;
/** What a file is called of whose name nothing is left. */
export const NAMELESS = "file";
/** Longest extension that is kept when a name is cut, in bytes: longer ones are part of a sentence. */
const MAX_EXTENSION_BYTES = 32;

/** What stands behind the name of a file that is on its way, before its id: `NAME.<id>.part`. */
const PART = ".part";
/** What stands behind the part's name, for what is known about it. */
const STATE = ".state";
/** An id in a name: 16 bytes in hex. */
const ID = "[0-9a-f]{32}";

/**
 * What can't be seen, or turns text around: default ignorables (bidirectional controls among them), but not
 * joiners and variation selectors, with which many scripts and emoji are written.
 */
const INVISIBLE = /(?![\u200c\u200d]|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;
/** White space of any kind, and U+2800, which looks like it: many spaces hide what is behind them. */
const SPACES = /[\s\u2800]+/gu;
/**
 * Controls, halves of surrogate pairs, what is no character, annotation marks; and what Windows keeps for
 * itself: `:` begins an alternate data stream there.
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\ufff9-\ufffb<>:"|?*]/gu;

/** What no name ends in: dots and spaces, which Windows drops, and joiners, which join nothing there. */
const ENDS_IN_NOTHING = /[. \u200c\u200d]+$/;

/** Devices on Windows, whatever the folder, the case and the extension (also behind spaces). */
const DEVICE = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
/** Files that Windows takes orders from when it shows the folder they are in. */
const ORDERS = /^(?:desktop\.ini|thumbs\.db|autorun\.inf)$/i;
/**
 * Endings that Windows acts on when it shows a folder, without a click: a picture for these may be fetched from
 * a foreign machine, which gets the user's login; a class id makes something else of the file.
 */
const ACTIVE = /\.(?:lnk|scf|url|local|theme|library-ms|searchconnector-ms|\{[^.]*\})$/i;
/** Our own endings: what somebody sends must not pass for what is known about a part. */
const OURS = new RegExp(`\\.${ID}\\${PART}(?:\\${STATE})?$`, "i");

const utf8 = new TextEncoder();

/**
 * The name under which a file that somebody sends may stand in a folder. Always a valid one, on every system:
 *
 * 1. of a path, of whatever system, its last part; without a drive's letter;
 * 2. without what can't be seen; white space is a space; what some system forbids is `_`; in NFC;
 * 3. without spaces around it and dots at its end, which Windows drops; not hidden, no option of a command and
 *    no home (`.`, `-` and `~` in front are `_`);
 * 4. at most `MAX_FILENAME_BYTES` long, cut between graphemes, with its extension;
 * 5. no device, and nothing that Windows acts on unasked;
 * 6. `NAMELESS` if nothing that can be seen is left.
 *
 * What it returns it leaves as it is.
 *
 * @example
 * ```ts
 * toFilename("..\\..\\con.txt"); // "_con.txt"
 * ```
 */
export function toFilename(name: string): string {
  const last = name.split(/[/\\]/).findLast((part) => !/^[\s.]*$/.test(part)) ?? "";
  let safe = last.replace(/^[a-z]:/i, "")
    .replace(INVISIBLE, "").normalize("NFC").replace(SPACES, " ").replace(FORBIDDEN, "_");
  // What is cut may show what was not at the end before. Each rule comes to its end: all but the two of
  // `harmless` make the name shorter, or begin with what is no more to be changed; and those hold once each.
  for (;;) {
    const next = harmless(cutName(trim(safe), MAX_FILENAME_BYTES));
    if (next === safe) return safe;
    safe = next;
  }
}

function trim(name: string): string {
  const trimmed = name.replace(/^(?:[ \u200c\u200d]|\p{Variation_Selector})+/u, "")
    .replace(ENDS_IN_NOTHING, "")
    .replace(/^[.~-][.~\- ]*/, "_");
  return /[^\s\p{M}\p{Default_Ignorable_Code_Point}]/u.test(trimmed) ? trimmed : NAMELESS;
}

function harmless(name: string): string {
  if (DEVICE.test(name) || ORDERS.test(name)) return `_${name}`;
  return ACTIVE.test(name) || OURS.test(name) ? `${name}.download` : name;
}

/**
 * The name for the `n`th file that would have `name`, which is one of `toFilename`: `photo.jpg`,
 * `photo (2).jpg` and so on.
 */
export function numbered(name: string, n: number): string {
  if (n === 1) return name;
  const number = ` (${n})`;
  const [stem, extension] = splitName(name);
  const most = MAX_FILENAME_BYTES - size(number + extension);
  return cutStem(stem, most).replace(ENDS_IN_NOTHING, "") + number + extension;
}

/**
 * What two names have in common that some system takes for the same: macOS and Windows do not tell capitals from
 * small letters, macOS no ways to write an accent; and people can't see a joiner. For comparison only.
 */
export function foldName(name: string): string {
  return name.normalize("NFD").replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .toUpperCase().toLowerCase().normalize("NFC");
}

/** What a file that is on its way stands under: `id` are 32 hex digits, `name` is one of `toFilename`. */
export function partName(name: string, id: string): string {
  const ending = `.${id}${PART}`;
  return cutName(name, MAX_FILENAME_BYTES - size(ending + STATE)) + ending;
}

/** Where what is known about a part stands. */
export function stateName(part: string): string {
  return part + STATE;
}

/** Whether this is the name of a part. */
export function isPartName(name: string): boolean {
  return name.endsWith(PART) && OURS.test(name);
}

/** The beginning of a name and its extension, with the dot; `.tar` before it belongs to it. */
function splitName(name: string): [stem: string, extension: string] {
  let dot = name.lastIndexOf(".");
  if (/\.tar$/i.test(name.slice(0, Math.max(0, dot)))) dot -= ".tar".length;
  const extension = dot > 0 ? name.slice(dot) : "";
  const fits = !extension.includes(" ") && size(extension) <= MAX_EXTENSION_BYTES;
  return fits ? [name.slice(0, name.length - extension.length), extension] : [name, ""];
}

/** At most `most` bytes of a name; its extension stays. */
function cutName(name: string, most: number): string {
  if (size(name) <= most) return name;
  const [stem, extension] = splitName(name);
  return cutStem(stem, most - size(extension)) + extension;
}

/** At most `most` bytes from the beginning, whole graphemes; of a single one that is larger, whole characters. */
function cutStem(stem: string, most: number): string {
  const cut = takeBytes(graphemesFrom(stem, 0), most) || takeBytes(stem, most);
  return cut.length < stem.length ? cut.replace(ENDS_IN_NOTHING, "") : cut;
}

function takeBytes(pieces: Iterable<string>, most: number): string {
  let taken = "";
  let bytes = 0;
  for (const piece of pieces) {
    bytes += size(piece);
    if (bytes > most) break;
    taken += piece;
  }
  return taken;
}

function size(text: string): number {
  return utf8.encode(text).length;
}
