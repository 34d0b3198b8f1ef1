// File names from other members, made safe: a name that every system takes for an ordinary file in the current folder,
// and for nothing else. Also the names of part files and their states. Pure; knows no folder.

import { graphemesFrom } from "../text/graphemes.ts";

/** Bytes of UTF-8 in a name: the limit of ext4, APFS and most others; NTFS counts UTF-16 units, which are fewer. */
export const MAX_FILENAME_BYTES = 255;
/** Nested folders in the path of an offer. */
export const MAX_DEPTH = 64;
/** The name of a file whose own name has no usable characters. */
export const NAMELESS = "file";
/** Bytes of an extension that is kept when a name is cut; a longer one is text with a dot in it. */
const MAX_EXTENSION_BYTES = 32;

/** The ending of a part file: `NAME.<id>.part`. */
const PART = ".part";
/** Follows the part's name in the name of its state file. */
const STATE = ".state";
/** An id in a name: 16 bytes in hex. */
const ID = "[0-9a-f]{32}";

/**
 * Invisible characters and those that reverse text: default ignorables, which include bidirectional controls, but not
 * joiners and variation selectors, which many scripts and emoji need.
 */
const INVISIBLE = /(?![\u200c\u200d]|\p{Variation_Selector})\p{Default_Ignorable_Code_Point}/gu;
/** White space of any kind, and U+2800, which looks like it: many spaces hide the end of a name. */
const SPACES = /[\s\u2800]+/gu;
/**
 * Controls, lone surrogates, noncharacters, annotation marks, and the characters that Windows reserves: `:` begins an
 * alternate data stream there.
 */
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Noncharacter_Code_Point}\ufff9-\ufffb<>:"|?*]/gu;

/** Dots and spaces, which Windows drops at the end of a name, and joiners, which join nothing there. */
const ENDS_IN_NOTHING = /[. \u200c\u200d]+$/;

/** Devices on Windows, in any folder, case and with any extension, also after spaces. */
const DEVICE = /^(?:con|prn|aux|nul|clock\$|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i;
/** Files that Windows obeys when it shows their folder. */
const ORDERS = /^(?:desktop\.ini|thumbs\.db|autorun\.inf)$/i;
/** Endings of files that some system acts on. A file may get to another system later, so all of them count everywhere. */
const RISKY = [
  // Windows acts on these when it shows their folder, without a click: the icon may be loaded from another machine,
  // which then receives the user's login.
  "lnk scf url website local theme themepack deskthemepack library-ms searchconnector-ms search-ms",
  // A click runs, installs or mounts these on Windows. Files in a disk image have no mark of the web.
  "exe com scr pif cpl bat cmd msi msp mst msix msixbundle appx appxbundle appinstaller application",
  "appref-ms settingcontent-ms diagcab gadget msc hta chm hlp reg inf js jse vb vbs vbe ws wsf wsh",
  "wsc sct ps1 psm1 psd1 ps1xml jar jnlp one xll rdp shb shs iso img vhd vhdx",
  // macOS.
  "command tool terminal workflow action app dmg pkg mpkg scpt scptd applescript mobileconfig",
  "prefpane saver wdgt",
  "fileloc inetloc webloc",
  // Linux.
  "desktop appimage run sh bash",
].join(" ").replaceAll(" ", "|");
/** A class id as the ending changes the type of the file on Windows. */
const ACTIVE = new RegExp(`\\.(?:${RISKY}|\\{[^.]*\\})$`, "i");
/** Our own endings: a received file must not pass for a part or its state. */
const OURS = new RegExp(`\\.${ID}\\${PART}(?:\\${STATE})?$`, "i");

const utf8 = new TextEncoder();

/**
 * A path of Windows, rather than a name with a backslash in it: it begins with a backslash or a drive, or has a part that
 * is empty or leads upward. Such a name would be dangerous where it ends up on Windows after all.
 */
const WINDOWS_PATH = /^[a-z]:|(?:^|\\)[\s.]*(?:\\|$)/i;

/** A part of a path that is no name: it is empty, a drive, or leads nowhere or upward. */
const NOTHING = /^(?:[a-z]:)?[\s.\\]*$/i;

/**
 * A safe name for a file that another member sends. It is valid on every system, apart from a backslash:
 *
 * 1. the last part of a path of any system, without a drive letter;
 * 2. without invisible characters; any white space is a space; a character that some system forbids is `_`; in NFC;
 * 3. without spaces around it and dots at its end, which Windows drops; not hidden, no option of a command and no home
 *    folder (a `.`, `-` or `~` in front becomes `_`);
 * 4. at most `MAX_FILENAME_BYTES` long, cut between graphemes, with its extension;
 * 5. no device, and no file that a system acts on by itself or that a click runs: such a name gets another ending;
 * 6. `NAMELESS` if no visible character is left.
 *
 * It leaves its own results unchanged.
 *
 * @param backslashes whether a backslash separates folders here, as on Windows; elsewhere one may be part of a name
 *
 * @example
 * ```ts
 * toFilename("..\\..\\con.txt", false); // "_con.txt"
 * ```
 */
export function toFilename(name: string, backslashes: boolean): string {
  let safe = lastPart(name, backslashes).replace(/^[a-z]:/i, "")
    .replace(INVISIBLE, "").normalize("NFC").replace(SPACES, " ").replace(FORBIDDEN, "_");
  // A cut may expose another ending, so the rules are repeated. This ends: each rule makes the name shorter or
  // its beginning final, except the two of `harmless`, which apply once each.
  for (;;) {
    const next = harmless(cutName(trim(lastPart(safe, backslashes)), MAX_FILENAME_BYTES));
    if (next === safe) return safe;
    safe = next;
  }
}

/**
 * The safe path of a file or folder that another member offers: at least one part, and each is a result of `toFilename`.
 * Parts that name nothing are dropped, such as `..` and a drive: the path leads downward from where it begins.
 *
 * @param backslashes whether a backslash separates folders here
 *
 * @example
 * ```ts
 * toParts("/photos/../.ssh//key", false); // ["photos", "_ssh", "key"]
 * ```
 */
export function toParts(name: string, backslashes: boolean): string[] {
  const parts = name.split(backslashes ? /[/\\]/ : "/").filter((part) => !NOTHING.test(part));
  return (parts.length > 0 ? parts : [""]).map((part) => toFilename(part, backslashes));
}

/** The last part of a path that is a name; empty if there is none. */
function lastPart(path: string, backslashes: boolean): string {
  const last = path.split("/").findLast((part) => !/^[\s.\\]*$/.test(part)) ?? "";
  if (!backslashes && !WINDOWS_PATH.test(last)) return last;
  return last.split("\\").findLast((part) => !/^[\s.]*$/.test(part)) ?? "";
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
 * The name of the `n`th file of the same name: `photo.jpg`, `photo (2).jpg` and so on.
 *
 * @param name a result of `toFilename`
 */
export function numbered(name: string, n: number): string {
  const [stem, extension] = splitName(name);
  return withNumber(n, stem, extension);
}

/** The same for a folder, whose name has no extension: `v1.2 (2)`. */
export function numberedFolder(name: string, n: number): string {
  return withNumber(n, name, "");
}

function withNumber(n: number, stem: string, extension: string): string {
  if (n === 1) return stem + extension;
  const number = ` (${n})`;
  const max = MAX_FILENAME_BYTES - size(number + extension);
  return cutStem(stem, max).replace(ENDS_IN_NOTHING, "") + number + extension;
}

/**
 * Equal for two names that some system takes for the same: macOS and Windows ignore case, macOS ignores how an accent is
 * encoded; and people cannot see a joiner. For comparison only.
 */
export function foldName(name: string): string {
  return name.normalize("NFD").replace(/\p{Default_Ignorable_Code_Point}/gu, "")
    .toUpperCase().toLowerCase().normalize("NFC");
}

/**
 * The name of a part file.
 *
 * @param name a result of `toFilename`
 * @param id 32 hex digits
 */
export function partName(name: string, id: string): string {
  const ending = `.${id}${PART}`;
  return cutName(name, MAX_FILENAME_BYTES - size(ending + STATE)) + ending;
}

/** The name of a part's state file. */
export function stateName(part: string): string {
  return part + STATE;
}

/** Whether this is the name of a part file. */
export function isPartName(name: string): boolean {
  return name.endsWith(PART) && OURS.test(name);
}

/** The beginning of a name and its extension, with the dot and a `.tar` before it. */
function splitName(name: string): [stem: string, extension: string] {
  let dot = name.lastIndexOf(".");
  if (/\.tar$/i.test(name.slice(0, Math.max(0, dot)))) dot -= ".tar".length;
  const extension = dot > 0 ? name.slice(dot) : "";
  const fits = !extension.includes(" ") && size(extension) <= MAX_EXTENSION_BYTES;
  return fits ? [name.slice(0, name.length - extension.length), extension] : [name, ""];
}

/** Shortens a name to `max` bytes; its extension stays. */
function cutName(name: string, max: number): string {
  if (size(name) <= max) return name;
  const [stem, extension] = splitName(name);
  return cutStem(stem, max - size(extension)) + extension;
}

/** As many complete graphemes as `max` bytes hold; of a single larger one, as many complete characters. */
function cutStem(stem: string, max: number): string {
  const cut = takeBytes(graphemesFrom(stem, 0), max) || takeBytes(stem, max);
  return cut.length < stem.length ? cut.replace(ENDS_IN_NOTHING, "") : cut;
}

function takeBytes(pieces: Iterable<string>, max: number): string {
  let taken = "";
  let bytes = 0;
  for (const piece of pieces) {
    bytes += size(piece);
    if (bytes > max) break;
    taken += piece;
  }
  return taken;
}

function size(text: string): number {
  return utf8.encode(text).length;
}
