import { assertEquals, assertThrows } from "@std/assert";
import { parseLookalikes } from "../text/skeleton.ts";
import { confusablesModule } from "./confusables.ts";

const TEXT = `\ufeff# confusables.txt
# Version: 17.0.0

0031 ;	006C ;	MA	# ( 1 → l ) DIGIT ONE → LATIN SMALL LETTER L	#
0430 ;	0061 ;	MA	# ( а → a ) CYRILLIC SMALL LETTER A → LATIN SMALL LETTER A	#
006D ;	0072 006E ;	MA	# ( m → rn ) LATIN SMALL LETTER M → LATIN SMALL LETTER R, N	#
1D41A ;	0061 ;	MA	# ( 𝐚 → a ) MATHEMATICAL BOLD SMALL A → LATIN SMALL LETTER A	# folded anyway
00A0 ;	0020 ;	MA	#* (   →   ) NO-BREAK SPACE → SPACE	# in no name
0060 ;	0027 ;	MA	#* ( \` → ' ) GRAVE ACCENT → APOSTROPHE	#
1F16D ;	33C4 0009 20DD ;	MA	#* CIRCLED CC → SQUARE CC, TABULATION, COMBINING ENCLOSING CIRCLE	#
02D0 ;	003A ;	MA	# ( ː → : ) MODIFIER LETTER TRIANGULAR COLON → COLON	#
`;

Deno.test("confusablesModule: is a table with what case folding does not do", () => {
  const module = confusablesModule(TEXT);
  const table = /`\n([^]*)\n`;\n$/.exec(module)![1]!;
  assertEquals(table, "l:1 a:\\u0430 rn:m ':\\` \\u33c4\\u20dd:\\u{1f16d} ::\\u02d0");
  const read = parseLookalikes(
    JSON.parse(`"${table.replace("\\`", "`").replace("\\u{1f16d}", "\u{1f16d}")}"`),
  );
  assertEquals([...read], [
    ["1", "l"],
    ["\u0430", "a"],
    ["m", "rn"],
    ["`", "'"],
    ["\u{1f16d}", "\u33c4\u20dd"],
    ["\u02d0", ":"],
  ]);
});

Deno.test("confusablesModule: names Unicode's version, and refuses a file without one", () => {
  assertEquals(confusablesModule(TEXT).includes("confusables.txt 17.0.0"), true);
  assertThrows(() => confusablesModule("0031 ; 006C ; MA"), Error, "names no version");
});

Deno.test("confusablesModule: no line is longer than others of the project", () => {
  const many = Array.from({ length: 200 }, (_, n) => `${(0x4e00 + n).toString(16)} ; 0061 ; MA`);
  const lines = confusablesModule(`${TEXT}${many.join("\n")}\n`).split("\n");
  assertEquals(lines.slice(4).filter((line) => line.length > 98), []);
});
