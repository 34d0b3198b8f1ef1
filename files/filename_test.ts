import { assert, assertEquals } from "@std/assert";
import {
  foldName,
  isPartName,
  MAX_FILENAME_BYTES,
  NAMELESS,
  numbered,
  numberedFolder,
  partName,
  stateName,
  toFilename,
  toParts,
} from "./filename.ts";
import fc, { anyString } from "../tests/support/property.ts";

const FAMILY = "👩‍👩‍👧‍👦";
const ID = "0123456789abcdef".repeat(2);

const bytes = (text: string) => new TextEncoder().encode(text).length;

/** Names from the sender, and the names of the files here. */
const RULES: Readonly<Record<string, readonly (readonly [from: string, to: string])[]>> = {
  "keeps harmless names": [
    ["photo.jpg", "photo.jpg"],
    ["README", "README"],
    ["Über uns (1).odt", "Über uns (1).odt"],
    ["写真.png", "写真.png"],
    ["می‌خواهم.txt", "می‌خواهم.txt"],
    [`${FAMILY} ❤️.txt`, `${FAMILY} ❤️.txt`],
    ["a  'b' & $c; `d`!.txt", "a 'b' & $c; `d`!.txt"],
    ["a.b.c", "a.b.c"],
    ["e-mail_~.txt", "e-mail_~.txt"],
  ],
  "keeps the last part of a path of any system": [
    ["/etc/passwd", "passwd"],
    ["../../etc/passwd", "passwd"],
    ["..\\..\\windows\\system.ini", "system.ini"],
    ["C:\\Users\\anna\\photo.jpg", "photo.jpg"],
    ["C:photo.jpg", "photo.jpg"],
    ["\\\\host\\share\\photo.jpg", "photo.jpg"],
    ["\\\\?\\C:\\photo.jpg", "photo.jpg"],
    ["\\\\.\\PhysicalDrive0", "PhysicalDrive0"],
    ["folder/", "folder"],
    ["folder/.", "folder"],
    ["folder/..", "folder"],
    ["folder//\\/ .. /", "folder"],
  ],
  "returns `file` for a name without usable characters": [
    ["", NAMELESS],
    [".", NAMELESS],
    ["..", NAMELESS],
    ["...", NAMELESS],
    ["/", NAMELESS],
    ["\\", NAMELESS],
    ["C:", NAMELESS],
    ["../..", NAMELESS],
    [" ", NAMELESS],
    [". . .", NAMELESS],
    ["\u200b\u202e", NAMELESS],
    ["\u200d\ufe0f", NAMELESS],
    ["\u0301", NAMELESS],
    ["\u3164", NAMELESS],
    ["\u2800", NAMELESS],
  ],
  "replaces what Windows forbids, also alternate data streams": [
    ["photo.jpg:evil.exe", "photo.jpg_evil.exe.download"],
    ["photo.jpg::$DATA", "photo.jpg__$DATA"],
    ["12:30 notes.txt", "12_30 notes.txt"],
    ['<a>|"b"?*.txt', "_a___b___.txt"],
    ["CC:x", "CC_x"],
  ],
  "changes the names of Windows devices": [
    ["CON", "_CON"],
    ["con.txt", "_con.txt"],
    ["Nul.tar.gz", "_Nul.tar.gz"],
    ["aux .txt", "_aux .txt"],
    ["PRN...", "_PRN"],
    ["com1", "_com1"],
    ["COM0.log", "_COM0.log"],
    ["COM¹", "_COM¹"],
    ["com².txt", "_com².txt"],
    ["LPT9", "_LPT9"],
    ["lpt³.x", "_lpt³.x"],
    ["CONIN$", "_CONIN$"],
    ["conout$.txt", "_conout$.txt"],
    ["CLOCK$", "_CLOCK$"],
    ["C\u200bON", "_CON"],
    ["CON\u00a0.txt", "_CON .txt"],
    ["/dev/con", "_con"],
    ["C:NUL", "_NUL"],
    ["CONSOLE", "CONSOLE"],
    ["COM10", "COM10"],
    ["COM", "COM"],
    ["my.con", "my.con"],
    ["CON:", "CON_"],
  ],
  "removes dots and spaces around the name": [
    ["photo.jpg.", "photo.jpg"],
    ["photo.jpg. . .", "photo.jpg"],
    [" photo.jpg ", "photo.jpg"],
    ["evil.exe\u00a0", "evil.exe.download"],
    ["photo.jpg\u200d.", "photo.jpg"],
    ["invoice.pdf                                   .exe", "invoice.pdf .exe.download"],
    ["a\u3000\u2003b", "a b"],
    ["a\tb\r\nc\u2028d", "a b c d"],
  ],
  "returns no hidden file, option or home folder": [
    [".bashrc", "_bashrc"],
    ["..hidden", "_hidden"],
    [".jpg", "_jpg"],
    ["\u200d.bashrc", "_bashrc"],
    ["\ufe0f.bashrc", "_bashrc"],
    ["-rf", "_rf"],
    ["--help.txt", "_help.txt"],
    [" - a list.txt", "_a list.txt"],
    ["~", "_"],
    ["~root", "_root"],
    ["~$draft.docx", "_$draft.docx"],
    [".-~. x", "_x"],
  ],
  "removes controls, and characters that are invisible or reverse text": [
    ["\x1b[2Jboo", "_[2Jboo"],
    ["evil.exe\0.jpg", "evil.exe_.jpg"],
    ["a\x7fb\x9bc", "a_b_c"],
    ["photo\u202egpj.exe", "photogpj.exe.download"],
    ["\u2066a\u2069\u200e\u200f\u061cb", "ab"],
    ["a\u200b\u00ad\u2060\ufeffb", "ab"],
    ["a\u{e0041}b", "ab"],
    ["a\ud800b", "a_b"],
    ["a\udc00", "a_"],
    ["a\uffff\u{1fffe}\ufdd0b", "a___b"],
    ["a\ufff9b", "a_b"],
  ],
  "encodes accents in one way": [
    ["re\u0301sume\u0301.txt", "résumé.txt"],
    ["e\u200b\u0301", "é"],
    ["\u212b\u212a", "ÅK"],
    ["\u1100\u1161", "가"],
    ["a<\u0338b", "a≮b"],
  ],
  "changes names that Windows acts on by itself": [
    ["desktop.ini", "_desktop.ini"],
    ["Thumbs.db", "_Thumbs.db"],
    ["AUTORUN.INF", "_AUTORUN.INF.download"],
    ["a.lnk", "a.lnk.download"],
    ["a.SCF", "a.SCF.download"],
    ["a.url.", "a.url.download"],
    ["a.library-ms", "a.library-ms.download"],
    [
      "a.{645FF040-5081-101B-9F08-00AA002F954E}",
      "a.{645FF040-5081-101B-9F08-00AA002F954E}.download",
    ],
    ["lnk", "lnk"],
    ["a.lnk.txt", "a.lnk.txt"],
  ],
  "changes names that a click runs, installs or mounts": [
    ["setup.EXE", "setup.EXE.download"],
    ["a.exe. .", "a.exe.download"],
    ["a.js\u200d", "a.js.download"],
    ["a.j\u200bs", "a.js.download"],
    ["a.txt:evil.exe", "a.txt_evil.exe.download"],
    ["a.exe::$DATA", "a.exe__$DATA"],
    ["C:\\x\\a.vbs", "a.vbs.download"],
    ["a.json", "a.json"],
    ["a.shtml", "a.shtml"],
    ["a.ts", "a.ts"],
    ["exe", "exe"],
  ],
  "returns none of our own endings": [
    [`a.${ID}.part`, `a.${ID}.part.download`],
    [`a.${ID}.PART.state`, `a.${ID}.PART.state.download`],
    ["a.part", "a.part"],
  ],
  "cuts names to 255 bytes and keeps the extension": [
    ["x".repeat(255), "x".repeat(255)],
    ["x".repeat(256), "x".repeat(255)],
    ["x".repeat(252) + ".jpg", "x".repeat(251) + ".jpg"],
    ["x".repeat(300) + ".tar.gz", "x".repeat(248) + ".tar.gz"],
    ["é".repeat(200) + ".txt", "é".repeat(125) + ".txt"],
    [FAMILY.repeat(20) + ".png", FAMILY.repeat(10) + ".png"],
    ["x".repeat(240) + " . " + "y".repeat(30), "x".repeat(240) + " . " + "y".repeat(12)],
    ["x".repeat(254) + "..y" + "z".repeat(40), "x".repeat(254)],
    ["a." + "x".repeat(300), "a." + "x".repeat(253)],
    // A cut must not expose a forbidden ending.
    ["x".repeat(251) + ".lnk" + "y".repeat(40), "x".repeat(246) + ".download"],
    ["CON" + "x" + "\u0301".repeat(300) + ".txt", "_CON.txt"],
    ["x" + "\u0316".repeat(300), "x" + "\u0316".repeat(127)],
    ["-" + "x".repeat(300), "_" + "x".repeat(254)],
    ["nul." + "x".repeat(300), "_nul." + "x".repeat(250)],
  ],
};

for (const [rule, rows] of Object.entries(RULES)) {
  Deno.test(`toFilename: ${rule}`, () => {
    for (const [from, to] of rows) {
      for (const backslashes of [false, true]) {
        assertEquals(toFilename(from, backslashes), to, JSON.stringify([from, backslashes]));
      }
    }
  });
}

Deno.test("toFilename: changes each ending that some system may act on, in any case", () => {
  const endings = [
    // Windows acts on these, or a click there does.
    ...["lnk", "url", "scf", "website", "library-ms", "searchconnector-ms", "search-ms", "theme"],
    ...["themepack", "appref-ms", "settingcontent-ms", "exe", "com", "scr", "pif", "cpl", "bat"],
    ...["cmd", "msi", "msp", "msc", "hta", "js", "jse", "vbs", "vbe", "wsf", "wsh", "ps1", "psm1"],
    ...["reg", "inf", "gadget", "chm", "jar", "one", "xll", "application", "diagcab"],
    ...["iso", "img", "vhd", "vhdx"],
    ...["command", "terminal", "workflow", "app", "dmg", "pkg", "prefPane", "saver"],
    ...["desktop", "AppImage", "run", "sh"],
  ];
  for (const ending of endings) {
    for (const name of [`a.${ending}`, `a.pdf.${ending.toUpperCase()}`]) {
      for (const backslashes of [false, true]) {
        assertEquals(toFilename(name, backslashes), `${name}.download`);
      }
    }
  }
  for (const ending of ["txt", "pdf", "png", "zip", "tar.gz", "docx", "html", "md", "c", "mp4"]) {
    assertEquals(toFilename(`a.${ending}`, false), `a.${ending}`);
  }
});

Deno.test("toFilename: a backslash is part of a name where it separates no folders, unless it looks like a path", () => {
  const names: [from: string, elsewhere: string, windows: string][] = [
    ["back\\slash.txt", "back\\slash.txt", "slash.txt"],
    ["a/b\\c", "b\\c", "c"],
    ["a\\con", "a\\con", "_con"],
    ["AC\\DC\\live.mp3", "AC\\DC\\live.mp3", "live.mp3"],
    ["-\\x", "_\\x", "x"],
    // Paths of Windows, also where invisible characters or a cut make one.
    ["a\\..\\b", "b", "b"],
    ["a\\. .\\b", "b", "b"],
    ["a\\\\b", "b", "b"],
    ["a\\\u200b..\\b", "b", "b"],
    ["d:a\\b", "b", "b"],
    ["\\b", "b", "b"],
    ["a\\", "a", "a"],
    ["a\\.", "a", "a"],
    ["a/\\/..", "a", "a"],
  ];
  for (const [from, elsewhere, windows] of names) {
    assertEquals([toFilename(from, false), toFilename(from, true)], [elsewhere, windows], from);
  }
});

/** Difficult text: systems give it a meaning, cuts and normal forms change it. */
const hardName = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom(..."abcXYZ019 ..--~_/\\:(){}$") },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...[
          "CON",
          "nul",
          "COM¹",
          "LPT9",
          "CONIN$",
          "desktop.ini",
          ".lnk",
          ".js",
          ".{a}",
          ".tar",
          ".gz",
        ],
        ...[`.${ID}`, ".part", ".state", "C:", "..", "/../", " . ", " (2)"],
        ...["x".repeat(250), "字".repeat(84), "y".repeat(29), "\u0301".repeat(130)],
      ),
    },
    {
      weight: 2,
      arbitrary: fc.constantFrom(
        ...[
          "é",
          "e\u0301",
          "\u0301",
          "\u0338",
          "<",
          "ǆ",
          "ß",
          "İ",
          "\u1100",
          "\u1161",
          "क्षि",
          FAMILY,
        ],
        ...[
          "\u200c",
          "\u200d",
          "\ufe0f",
          "\u202e",
          "\u200b",
          "\ud800",
          "\udc00",
          "\uffff",
          "\u2028",
        ],
        ...["\0", "\x1b", "\n", "\u00a0", "\u3000", "\u2800", "\u3164", "\u{e0100}", "\u{1d15e}"],
      ),
    },
    { weight: 1, arbitrary: anyString({ minLength: 1, maxLength: 3 }) },
  ),
  { maxLength: 12 },
).map((parts) => parts.join(""));

/** Why some system would refuse or misread a name; written independently of `toFilename`. */
function fault(name: string): string | undefined {
  if (name === "" || name === "." || name === "..") return "is not a name";
  if (/[/\\:<>"|?*]/.test(name)) return "has a character with a meaning";
  if (!name.isWellFormed()) return "is not UTF-8";
  // deno-lint-ignore no-control-regex
  if (/[\x00-\x1f\x7f-\x9f\u2028\u2029]/.test(name)) return "has a control";
  if (/[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\u00ad]/.test(name)) {
    return "has invisible characters";
  }
  if (/[. ]$|^ |\s\s/.test(name)) return "has spaces or dots in a wrong place";
  if (/^[.~-]/.test(name)) return "begins with a special character";
  if (bytes(name) > 255) return "is too long";
  if (name.length > 255) return "is too long for Windows";
  if (name !== name.normalize("NFC")) return "is not in NFC";
  const base = name.split(".")[0]!.trimEnd().toUpperCase();
  const devices = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"];
  for (const port of ["COM", "LPT"]) for (const n of "0123456789¹²³") devices.push(port + n);
  if (devices.includes(base)) return "is a device";
  if (/\.(?:lnk|exe|js|desktop|search-ms)$|\.[0-9a-f]{32}\.part(?:\.state)?$/i.test(name)) {
    return "has a special ending";
  }
  return undefined;
}

Deno.test("toFilename: always returns a name that every system accepts and that it leaves unchanged", () => {
  fc.assert(
    fc.property(hardName, (name) => {
      const safe = toFilename(name, true);
      assertEquals(fault(safe), undefined, JSON.stringify([name, safe]));
      assertEquals(toFilename(safe, true), safe, JSON.stringify(name));
      const elsewhere = toFilename(name, false);
      assertEquals(fault(elsewhere.replaceAll("\\", "_")), undefined, JSON.stringify(name));
      assertEquals(toFilename(elsewhere, false), elsewhere, JSON.stringify(name));
      assert(!/^\\|\\[. ]*(?:\\|$)/.test(elsewhere), JSON.stringify(elsewhere));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("toParts: keeps the folders of a path, and drops what leads upward or nowhere", () => {
  const paths: [from: string, elsewhere: string[], windows?: string[]][] = [
    ["a.jpg", ["a.jpg"]],
    ["photos/2024/a.jpg", ["photos", "2024", "a.jpg"]],
    ["photos/empty/", ["photos", "empty"]],
    ["../../x", ["x"]],
    ["/etc/x", ["etc", "x"]],
    ["a/../../x", ["a", "x"]],
    ["photos/..", ["photos"]],
    ["a//b", ["a", "b"]],
    [". ./ /\u00a0/./a", ["a"]],
    [".ssh/x", ["_ssh", "x"]],
    ["~/-rf/x", ["_", "_rf", "x"]],
    ["C:\\x", ["x"]],
    ["C:/x", ["x"]],
    ["C:x/C:y", ["x", "y"]],
    ["con/nul.txt/x", ["_con", "_nul.txt", "x"]],
    ["Evil.app/Contents/run", ["Evil.app.download", "Contents", "run"]],
    ["a/desktop.ini", ["a", "_desktop.ini"]],
    ["a\0b/\x1b[2J", ["a_b", "_[2J"]],
    ["a\\b/c", ["a\\b", "c"], ["a", "b", "c"]],
    ["a\\..\\b/c", ["b", "c"], ["a", "b", "c"]],
    ["\\\\host\\share\\x", ["x"], ["host", "share", "x"]],
    ["", [NAMELESS]],
    ["/", [NAMELESS]],
    ["../..", [NAMELESS]],
    ["C:\\", [NAMELESS]],
    ["\u200b/a", [NAMELESS, "a"]],
    [`${"x".repeat(300)}/${"y".repeat(300)}.txt`, ["x".repeat(255), `${"y".repeat(251)}.txt`]],
  ];
  for (const [from, elsewhere, windows = elsewhere] of paths) {
    assertEquals(toParts(from, false), elsewhere, JSON.stringify(from));
    assertEquals(toParts(from, true), windows, JSON.stringify(from));
  }
  assertEquals(toParts("a/".repeat(5000), false).length, 5000);
});

Deno.test("toParts: each part is a name that every system accepts and that toFilename leaves unchanged", () => {
  fc.assert(
    fc.property(fc.array(hardName, { maxLength: 5 }), fc.boolean(), (names, backslashes) => {
      const path = names.join("/");
      const parts = toParts(path, backslashes);
      assert(parts.length > 0);
      for (const part of parts) {
        const shown = JSON.stringify([path, part]);
        assertEquals(fault(backslashes ? part : part.replaceAll("\\", "_")), undefined, shown);
        assertEquals(toFilename(part, backslashes), part, shown);
      }
      assertEquals(toParts(parts.join("/"), backslashes), parts, JSON.stringify(path));
      // A name without folders is the one that it was.
      if (parts.length === 1 && !/[/\\]/.test(path)) {
        assertEquals(parts, [toFilename(path, backslashes)]);
      }
    }),
    { numRuns: 2000 },
  );
});

Deno.test("numbered: adds the complete number, also to a name of 255 bytes", () => {
  assertEquals(numbered("photo.jpg", 1), "photo.jpg");
  assertEquals(numbered("photo.jpg", 2), "photo (2).jpg");
  assertEquals(numbered("photo (2).jpg", 2), "photo (2) (2).jpg");
  assertEquals(numbered("photo .jpg", 2), "photo (2).jpg");
  assertEquals(numbered("README", 10), "README (10)");
  assertEquals(numbered("a.tar.gz", 3), "a (3).tar.gz");
  assertEquals(numbered("a.Tar.zst", 3), "a (3).Tar.zst");
  assertEquals(numbered("tar.gz", 3), "tar (3).gz");
  assertEquals(numbered("Mr. Smith", 2), "Mr. Smith (2)");
  // A folder has no extension.
  assertEquals(numberedFolder("v1.2", 1), "v1.2");
  assertEquals(numberedFolder("v1.2", 2), "v1.2 (2)");
  assertEquals(numberedFolder("x".repeat(255), 2), "x".repeat(251) + " (2)");
  assertEquals(numbered("x".repeat(251) + ".jpg", 100), "x".repeat(245) + " (100).jpg");
  assertEquals(numbered(FAMILY.repeat(10) + ".jpg", 2), FAMILY.repeat(9) + " (2).jpg");
});

Deno.test("numbered: returns a safe name, and a different one for each number", () => {
  fc.assert(
    fc.property(hardName, fc.integer({ min: 2, max: 9999 }), (name, n) => {
      const safe = toFilename(name, true);
      const next = numbered(safe, n);
      assertEquals(fault(next), undefined, JSON.stringify([safe, next]));
      assertEquals(toFilename(next, true), next);
      assert(foldName(next) !== foldName(safe));
      assert(foldName(next) !== foldName(numbered(safe, n + 1)));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("foldName: is the same for names that differ in case, encoding or invisible characters", () => {
  for (
    const [a, b] of [
      ["Photo.JPG", "photo.jpg"],
      ["é.txt", "e\u0301.TXT"],
      ["É", "e\u0301"],
      ["straße", "STRASSE"],
      ["ΣΑΣ", "σας"],
      ["a\u200db", "ab"],
      ["❤️", "❤"],
    ]
  ) assertEquals(foldName(a!), foldName(b!));
  assert(foldName("a") !== foldName("b"));
  assert(foldName("a.txt") !== foldName("a .txt"));
  assert(foldName("e") !== foldName("é"));
});

Deno.test("partName, stateName: return short names that toFilename never returns", () => {
  assertEquals(partName("photo.jpg", ID), `photo.jpg.${ID}.part`);
  assertEquals(stateName(partName("photo.jpg", ID)), `photo.jpg.${ID}.part.state`);
  assert(isPartName(partName("photo.jpg", ID)));
  assert(!isPartName(stateName(partName("photo.jpg", ID))));
  for (const name of ["photo.part", `photo.${ID}`, `${ID}.part`, "photo.part.part"]) {
    assert(!isPartName(name), name);
  }
  fc.assert(
    fc.property(hardName, (name) => {
      const safe = toFilename(name, false);
      assert(!isPartName(safe));
      const part = partName(safe, ID);
      assert(isPartName(part));
      assert(bytes(stateName(part)) <= MAX_FILENAME_BYTES);
    }),
    { numRuns: 500 },
  );
});
