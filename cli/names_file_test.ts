import { assert, assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { fingerprint, Identity } from "../cipher/identity.ts";
import { MAX_WASTE } from "../cipher/known_names.ts";
import { ChatError } from "../errors.ts";
import { NamesFile } from "./names_file.ts";

const POSIX = Deno.build.os !== "windows";
const DAY = "2026-01-31";
const ADA = new Identity(new Uint8Array(32).fill(1)).publicKey;
const EVE = new Identity(new Uint8Array(32).fill(2)).publicKey;

/** Runs `test` with a folder that does not exist yet. */
function withFolder(test: (config: string, path: string) => void): void {
  const folder = Deno.makeTempDirSync({ prefix: "chat-names-" });
  try {
    const config = `${folder}/a/config`;
    test(config, `${config}/known-names`);
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

function load(config: string): NamesFile {
  const file = new NamesFile({ config, runtime: config });
  file.load();
  return file;
}

function put(path: string, text: string): void {
  Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  Deno.writeTextFileSync(path, text, { mode: 0o600 });
}

const entries = (path: string) =>
  Deno.readTextFileSync(path).split("\n").filter((line) => !line.startsWith("#") && line !== "");

Deno.test("NamesFile.save: writes only new names, and the next client reads them", () => {
  withFolder((config, path) => {
    const file = load(config);
    file.save();
    assertThrows(() => Deno.statSync(config), Deno.errors.NotFound);
    file.names.meet("Ada", ADA, DAY);
    file.save();
    assert(!file.names.changed);
    assertStrictEquals(load(config).names.meet("Ada", ADA, DAY), "known");
    const names = Array.from(Deno.readDirSync(config), ({ name }) => name).sort();
    assertEquals(names, ["known-names", "known-names.lock"]);
    if (POSIX) {
      for (const name of names) {
        assertStrictEquals(Deno.statSync(`${config}/${name}`).mode! & 0o777, 0o600);
      }
      assertStrictEquals(Deno.statSync(config).mode! & 0o777, 0o700);
    }
    assertMatch(Deno.readTextFileSync(path), /^# Names .*\n# Delete .*\nAda \S+ 2026-01-31\n$/);
  });
});

Deno.test("NamesFile.load: what the file has at the start was known before; what is met later, here or elsewhere, was not", () => {
  withFolder((config) => {
    const first = load(config);
    first.names.meet("Ada", ADA, DAY);
    first.save();
    const [second, third] = [load(config), load(config)];
    third.names.meet("Bob", EVE, DAY);
    third.save();
    second.names.meet("Cy", EVE, DAY);
    second.save();
    assertEquals([second.names.likeOf("Bob"), second.names.likeOf("Cy")], ["Bob", "Cy"]);
    const knew = (
      { names }: NamesFile,
    ) => [
      names.knew("Ada", ADA),
      names.knew("Ada", EVE),
      names.knew("Bob", EVE),
      names.knew("Cy", EVE),
    ];
    assertEquals(knew(first), [false, false, false, false]);
    assertEquals(knew(second), [true, false, false, false]);
    assertEquals(knew(load(config)), [true, false, true, true]);
  });
});

Deno.test("NamesFile.save: adds a batch of names at the end of the file, and leaves the rest as it is", () => {
  withFolder((config, path) => {
    // Written by hand: a comment, and a line that means nothing.
    const line = `Ada ${fingerprint(ADA)} ${DAY}\n`;
    const text = `# mine\n${line}${line}`;
    put(path, text);
    const file = load(config);
    const { ino } = Deno.statSync(path);
    for (let n = 0; n < 10; n++) file.names.meet(`n${n}`, EVE, DAY);
    file.save();
    file.names.verify("n3", EVE, "2026-02-01");
    file.save();
    const added = Deno.readTextFileSync(path).slice(text.length).split("\n");
    assert(Deno.readTextFileSync(path).startsWith(text));
    assertEquals([added.length, added[10]], [
      12,
      `n3 ${fingerprint(EVE)} ${DAY} verified 2026-02-01`,
    ]);
    if (POSIX) assertEquals(Deno.statSync(path).ino, ino);
  });
});

Deno.test("NamesFile.save: two clients of one user keep the names and decisions of each other", () => {
  withFolder((config) => {
    const [one, two] = [load(config), load(config)];
    one.names.meet("Ada", ADA, DAY);
    one.save();
    two.names.meet("Bob", ADA, DAY);
    two.save();
    // One trusts another key of Ada, the other one meets a new member.
    one.names.trust("Ada", EVE, DAY);
    one.save();
    two.names.meet("Cy", ADA, DAY);
    two.save();
    // The other one has read the decision, too.
    assertStrictEquals(two.names.meet("Ada", EVE, DAY), "known");
    const { names } = load(config);
    for (const [name, key] of [["Ada", ADA], ["Ada", EVE], ["Bob", ADA], ["Cy", ADA]] as const) {
      assertStrictEquals(names.meet(name, key, DAY), "known", name);
    }
  });
});

Deno.test("NamesFile.save: a line that the user deleted meanwhile is forgotten, and so is a deleted file", () => {
  withFolder((config, path) => {
    const file = load(config);
    for (const name of ["Ada", "Bob"]) file.names.meet(name, ADA, DAY);
    file.save();
    put(path, Deno.readTextFileSync(path).replace(/^Ada.*\n/m, ""));
    file.names.meet("Cy", ADA, DAY);
    file.save();
    assertEquals([file.names.likeOf("Ada"), file.names.likeOf("Bob")], [undefined, "Bob"]);
    Deno.removeSync(path);
    file.names.meet("Dan", ADA, DAY);
    file.save();
    assertMatch(Deno.readTextFileSync(path), /^#.*\n#.*\nDan \S+ \S+\n$/);
  });
});

Deno.test("NamesFile: reports the line of a damaged file, and leaves it unchanged", () => {
  withFolder((config, path) => {
    const file = load(config);
    file.names.meet("Ada", ADA, DAY);
    put(path, "# fine\nnot fine\n");
    const error = assertThrows(() => load(config), ChatError, "line 2 is not NAME KEY DAY");
    assertEquals(error.hint, "Correct or delete that line");
    assertThrows(() => file.save(), ChatError, "line 2");
    assertStrictEquals(Deno.readTextFileSync(path), "# fine\nnot fine\n");
    // Unsaved names are not forgotten.
    assert(file.names.changed);
    Deno.removeSync(path);
    file.save();
    assertStrictEquals(load(config).names.meet("Ada", ADA, DAY), "known");
  });
});

Deno.test("NamesFile: a torn last line costs no other line, at whichever byte it is torn", () => {
  const line = `Bob ${fingerprint(EVE)} ${DAY} verified ${DAY}\n`;
  withFolder((config, path) => {
    for (let length = 0; length <= line.length; length++) {
      put(path, `Ada ${fingerprint(ADA)} ${DAY}\n${line.slice(0, length)}`);
      const file = load(config);
      file.names.meet("Cy", ADA, DAY);
      file.save();
      const { names } = load(config);
      assertEquals([names.likeOf("Ada"), names.likeOf("Cy")], ["Ada", "Cy"], `${length}`);
      if (length >= line.length - 1) assertEquals(names.verifiedOn("Bob", EVE), DAY);
    }
    // So do zeros, which some file systems leave in place of what was written last.
    put(path, `Ada ${fingerprint(ADA)} ${DAY}\nBob x\0\0\0`);
    assertEquals(load(config).names.likeOf("Ada"), "Ada");
  });
});

Deno.test("NamesFile.save: writes a file again that is mostly waste, and only then", () => {
  withFolder((config, path) => {
    const line = `Ada ${fingerprint(ADA)} ${DAY}\n`;
    // The line counts for itself, and the new name for two.
    put(path, line.repeat(MAX_WASTE + 3));
    const file = load(config);
    file.names.meet("Bob", EVE, DAY);
    file.save();
    assertEquals(entries(path).length, MAX_WASTE + 4);
    file.names.trust("Bob", EVE, DAY);
    file.save();
    assertEquals(entries(path), [line.trim(), `Bob ${fingerprint(EVE)} ${DAY} trusted`]);
    file.names.meet("Cy", EVE, DAY);
    file.save();
    assertEquals(entries(path).length, 3);
  });
});

Deno.test({
  name: "NamesFile.load: refuses a file that others can read or change",
  ignore: !POSIX,
  fn: () =>
    withFolder((config, path) => {
      put(path, "");
      for (const mode of [0o640, 0o604, 0o620, 0o602, 0o644]) {
        Deno.chmodSync(path, mode);
        assertThrows(() => load(config), ChatError, "other users");
      }
    }),
});

Deno.test("NamesFile.save: clients that add names and write the file again at the same time lose nothing", async () => {
  // Two threads, each with its own copy of the module.
  const code = `
    const { NamesFile } = await import(${JSON.stringify(import.meta.resolve("./names_file.ts"))});
    postMessage("ready");
    onmessage = ({ data: { config, who } }) => {
      const file = new NamesFile({ config, runtime: config });
      file.load();
      for (let n = 0; n < 5; n++) {
        file.names.trust(who + n, new Uint8Array(32), "2026-01-31");
        file.save();
      }
      postMessage("done");
    };`;
  const workers = ["a", "b"].map((who) => ({
    who,
    worker: new Worker(`data:text/javascript,${encodeURIComponent(code)}`, { type: "module" }),
  }));
  const answers = () =>
    Promise.all(workers.map(({ worker }) =>
      new Promise<void>((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = ({ message }) => reject(new Error(message));
      })
    ));
  const folder = Deno.makeTempDirSync({ prefix: "chat-names-" });
  try {
    await answers();
    for (let round = 0; round < 20; round++) {
      const config = `${folder}/${round}`;
      // Both want to write it again at once.
      put(`${config}/known-names`, `Ada ${fingerprint(ADA)} ${DAY}\n`.repeat(2 * MAX_WASTE));
      const done = answers();
      for (const { worker, who } of workers) worker.postMessage({ config, who });
      await done;
      const all = ["a", "b"].flatMap((who) => [0, 1, 2, 3, 4].map((n) => `${who}${n}`));
      const { names } = load(config);
      assertEquals(all.filter((name) => names.likeOf(name) !== name), []);
      assertEquals(entries(`${config}/known-names`).length, 11);
    }
  } finally {
    for (const { worker } of workers) worker.terminate();
    Deno.removeSync(folder, { recursive: true });
  }
});
