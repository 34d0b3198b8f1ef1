// Checks that the pages of documentation name files that exist.

import { assert, assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);

/** All pages, from the project's root. */
const PAGES = ["", "docs/", "bench/"].flatMap((folder) =>
  [...Deno.readDirSync(new URL(folder || ".", root))].filter(({ name }) => name.endsWith(".md"))
    .map(({ name }) => folder + name)
);

/** Names in code style that look like files of the project but are not. */
const OTHERS = /^(?:x(?:_test)?\.ts|NAME\.md|SKIPPED)$/;

function exists(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}

for (const page of PAGES) {
  Deno.test(`${page}: every link to a file of the project leads to one`, () => {
    const text = Deno.readTextFileSync(new URL(page, root));
    const missing = Array.from(text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g), ([, link]) => link!)
      // Not yet where the project is published.
      .filter((link) => !/^https?:|^\.\.\/\.\.\/releases/.test(link))
      .filter((link) => !exists(new URL(link, new URL(page, root))));
    assertEquals(missing, []);
  });

  Deno.test(`${page}: every module that it names exists`, () => {
    const text = Deno.readTextFileSync(new URL(page, root));
    const missing = Array.from(text.matchAll(/`((?:[\w-]+\/)*[\w-]+\.ts)`/g), ([, path]) => path!)
      .filter((path) => !OTHERS.test(path))
      .filter((path) =>
        !exists(new URL(path, root)) && !exists(new URL(path, new URL(page, root)))
      );
    assertEquals(missing, []);
  });
}

Deno.test("docs/security.md: each test that it names exists", () => {
  const text = Deno.readTextFileSync(new URL("docs/security.md", root));
  const [, table = ""] = text.split("\n## Which test shows it\n");
  const rows = Array.from(table.split("\n## ")[0]!.matchAll(/\| `([^`]+)`: (.*?) *\|$/gm));
  assert(rows.length >= 10);
  for (const [, path, name] of rows) {
    const code = Deno.readTextFileSync(new URL(path!, root));
    assert(code.includes(name!), `${path} has no test "${name}"`);
  }
});

Deno.test("pages: there are pages to check", () => {
  assert(PAGES.length >= 10);
});
