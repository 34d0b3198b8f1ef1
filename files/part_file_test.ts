import { assert, assertEquals, assertRejects } from "@std/assert";
import { ChatError } from "../errors.ts";
import { sha256 } from "../tests/support/hash.ts";
import {
  CHUNK,
  content,
  fill,
  HEX,
  ID,
  inFolder,
  list,
  MIB,
  offerOf,
  posix,
  receive,
  refuses,
  systemError,
} from "../tests/support/real_files.ts";
import { SYSTEM_CALLS, type WriteCalls } from "./file_io.ts";
import { partName, stateName } from "./filename.ts";
import type { ReceivedOffer } from "./storage.ts";
import { SystemDisk } from "./system_disk.ts";

posix(
  "PartFile: folder, part and file are private and not executable",
  async () => {
    await inFolder(async (folder) => {
      const downloads = `${folder}/a/b`;
      const disk = new SystemDisk(() => downloads);
      assertEquals(list(folder), []);
      const bytes = content(2 * MIB);
      const sink = await disk.sink(offerOf(bytes));
      assertEquals(Deno.statSync(downloads).mode! & 0o777, 0o700);
      const part = `photo.jpg.${HEX}.part`;
      assertEquals(list(downloads), [part, `${part}.state`]);
      for (const name of list(downloads)) {
        assertEquals(Deno.statSync(`${downloads}/${name}`).mode! & 0o777, 0o600);
      }
      await fill(sink, bytes);
      const path = await sink.finish(sha256(bytes));
      assertEquals(Deno.statSync(path).mode! & 0o777, 0o600);
      assertEquals(list(downloads), ["photo.jpg"]);
    });
  },
);

Deno.test("PartFile.write: takes bytes in order and within the size; finish needs all of them", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(100);
    const sink = await disk.sink(offerOf(bytes));
    await assertRejects(() => sink.write(1, bytes), RangeError);
    await assertRejects(() => sink.write(0, new Uint8Array(101)), RangeError);
    // At once: they are done one after the other.
    const writes = [0, 30, 60].map((at) => sink.write(at, bytes.subarray(at, at + 30)));
    await Promise.all(writes);
    assertEquals(sink.have, 90);
    await assertRejects(() => sink.write(60, bytes.subarray(60, 90)), RangeError);
    await refuses(
      () => sink.finish(sha256(bytes)),
      "Cannot receive photo.jpg: only 90 of 100 bytes were received",
    );
    await sink.write(90, bytes.subarray(90));
    await sink.write(100, new Uint8Array());
    assertEquals(await sink.finish(sha256(bytes)), `${folder}/photo.jpg`);
    await sink.abort(false);
    await refuses(
      () => sink.write(100, new Uint8Array()),
      "Cannot receive photo.jpg: the transfer has ended",
    );
    assertEquals(Deno.readFileSync(`${folder}/photo.jpg`), bytes);
  });
});

Deno.test("PartFile.finish: removes a file whose hash is not the one of its sender", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const size of [100, 2 * MIB]) {
      const bytes = content(size);
      const sink = await disk.sink(offerOf(bytes));
      await fill(sink, content(size, 1));
      await refuses(
        () => sink.finish(sha256(bytes)),
        "Cannot receive photo.jpg: its SHA-256 is not the one that its sender sent",
      );
      assertEquals(list(folder), []);
    }
    const sizes = [-1, 0.5, NaN, 2 ** 53];
    for (const size of sizes) {
      await assertRejects(() => disk.sink(offerOf(content(1), "x", { size })), RangeError);
    }
  });
});

Deno.test("PartFile.prefix: is the hash of what was written before", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(2 * MIB);
    let sink = await disk.sink(offerOf(bytes));
    const hashes = [sink.prefix()];
    for (let at = 0; at < MIB; at += CHUNK) {
      void sink.write(at, bytes.subarray(at, at + CHUNK));
      hashes.push(sink.prefix());
    }
    for (const [i, hash] of (await Promise.all(hashes)).entries()) {
      assertEquals(hash, sha256(bytes.subarray(0, i * CHUNK)));
    }
    await sink.abort(true);
    sink = await disk.sink(offerOf(bytes));
    assertEquals(await sink.prefix(), sha256(bytes.subarray(0, MIB)));
    await fill(sink, bytes);
    assertEquals(await sink.prefix(), sha256(bytes));
    await sink.finish(sha256(bytes));
  });
});

Deno.test("PartFile.restart: drops what was written, and receives another file instead", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    for (const size of [100, 2 * MIB, 9 * MIB]) {
      const [old, bytes] = [content(size), new Uint8Array(size).fill(7)];
      let sink = await disk.sink(offerOf(old));
      await fill(sink, old, size - 1);
      await sink.abort(true);
      sink = await disk.sink(offerOf(bytes));
      assertEquals(sink.have, size - 1);
      assertEquals(await sink.prefix(), sha256(old.subarray(0, size - 1)));
      // Writes at once: they wait for it.
      const begin = [sink.restart(), sink.write(0, bytes.subarray(0, 50)), sink.prefix()] as const;
      const [, , prefix] = await Promise.all(begin);
      assertEquals([sink.have, prefix], [50, sha256(bytes.subarray(0, 50))]);
      await fill(sink, bytes);
      const path = await sink.finish(sha256(bytes));
      assertEquals(sha256(Deno.readFileSync(path)), sha256(bytes));
      await refuses(() => sink.restart(), "Cannot receive photo.jpg: the transfer has ended");
      Deno.removeSync(path);
      assertEquals(list(folder), []);
      // Nothing is left to be resumed.
      for (const again of [false, true]) {
        sink = await disk.sink(offerOf(old));
        await fill(sink, old, size - 1);
        if (again) {
          await sink.abort(true);
          sink = await disk.sink(offerOf(old));
        }
        await sink.restart();
        assertEquals(sink.have, 0);
        await sink.abort(true);
        assertEquals(list(folder), []);
      }
    }
  });
});

Deno.test("PartFile.restart: no byte from before it is resumed, whenever the client is killed", async () => {
  await inFolder(async (folder) => {
    const old = content(9 * MIB);
    const bytes = new Uint8Array(9 * MIB).fill(7);
    const part = partName("photo.jpg", HEX);
    Deno.mkdirSync(`${folder}/killed`);
    const sink = await new SystemDisk(() => `${folder}/running`).sink(offerOf(old));
    /** What another run of the program finds if this one is killed now; `spoil` may change it before. */
    const kill = async (have: number, spoil = () => {}) => {
      for (const name of [part, stateName(part)]) {
        Deno.copyFileSync(`${folder}/running/${name}`, `${folder}/killed/${name}`);
      }
      spoil();
      const next = await new SystemDisk(() => `${folder}/killed`).sink(offerOf(bytes));
      assertEquals(next.have, have);
      assertEquals(await next.prefix(), sha256(bytes.subarray(0, have)));
      await fill(next, bytes);
      Deno.removeSync(await next.finish(sha256(bytes)));
    };
    await fill(sink, old, 8 * MIB);
    // `abort` would end it, and nothing else waits for the checkpoint.
    const state = `${folder}/running/${stateName(part)}`;
    await fill(sink, old);
    while (!Deno.readTextFileSync(state).endsWith(`\n${8 * MIB}\n`)) await sink.prefix();
    // It says in the state that nothing is left, then it cuts the part.
    await kill(0, () => {
      Deno.writeTextFileSync(`${folder}/killed/${stateName(part)}`, "0\n", { append: true });
    });
    await sink.restart();
    await kill(0);
    await fill(sink, bytes, MIB);
    await kill(0);
    await fill(sink, bytes, 5 * MIB);
    while (!Deno.readTextFileSync(state).endsWith(`\n${4 * MIB}\n`)) await sink.prefix();
    await kill(4 * MIB);
    await sink.abort(false);
    assertEquals(list(`${folder}/running`), []);
  });
});

posix(
  "PartFile.restart: reports a part that was removed or replaced, and cuts nothing else",
  async () => {
    await inFolder(async (folder) => {
      const disk = new SystemDisk(() => folder);
      const part = `${folder}/${partName("photo.jpg", HEX)}`;
      const bytes = content(100);
      const sink = await disk.sink(offerOf(bytes));
      await fill(sink, bytes);
      Deno.removeSync(part);
      await refuses(() => sink.restart(), "Cannot receive photo.jpg: its part file was removed");
      Deno.writeTextFileSync(part, "another");
      await refuses(
        () => sink.restart(),
        "Cannot receive photo.jpg: another file has replaced its part file",
      );
      await sink.abort(false);
      assertEquals(Deno.readTextFileSync(part), "another");
    });
  },
);

posix("resumePart: takes no part that another user may have put there", async () => {
  await inFolder(async (folder) => {
    const bytes = content(2 * MIB);
    const part = `${folder}/${partName("photo.jpg", HEX)}`;
    const state = stateName(part);
    const make = async () => {
      const sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
      await fill(sink, bytes, MIB);
      await sink.abort(true);
    };
    const plants: Record<string, () => void> = {
      "open to others": () => Deno.chmodSync(part, 0o666),
      "a second name": () => Deno.linkSync(part, `${folder}/other`),
      "a link": () => {
        Deno.renameSync(part, `${folder}/other`);
        Deno.symlinkSync(`${folder}/other`, part);
      },
      "a folder": () => {
        Deno.removeSync(part);
        Deno.mkdirSync(part);
      },
      "its state is open to others": () => Deno.chmodSync(state, 0o666),
      "its state is a link": () => {
        Deno.renameSync(state, `${folder}/other`);
        Deno.symlinkSync(`${folder}/other`, state);
      },
      "its state is too large": () => Deno.truncateSync(state, MIB),
      "its state is not JSON": () => Deno.writeTextFileSync(state, "{\n1\n"),
      "its state is another's": () => Deno.writeTextFileSync(state, `{"size":"x"}\n1048576\n`),
    };
    for (const [what, plant] of Object.entries(plants)) {
      await make();
      plant();
      const before = list(folder);
      const sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
      assertEquals(sink.have, 0, what);
      await sink.abort(false);
      assertEquals(list(folder), before, what);
      for (const name of before) Deno.removeSync(`${folder}/${name}`);
    }
  });
});

Deno.test("resumePart: continues at the last checkpoint, also after a crash and with another id", async () => {
  await inFolder(async (folder) => {
    const bytes = content(9 * MIB);
    const part = `${folder}/${partName("photo.jpg", HEX)}`;
    let sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    await fill(sink, bytes, 5 * MIB + 7);
    await sink.abort(true);
    sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    assertEquals(sink.have, 5 * MIB + 7);
    await fill(sink, bytes, 6 * MIB);
    await sink.abort(true);
    // Bytes after the last checkpoint, and an incomplete line.
    Deno.writeFileSync(part, new Uint8Array(100), { append: true });
    Deno.writeTextFileSync(stateName(part), "99", { append: true });
    sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    assertEquals(sink.have, 6 * MIB);
    await fill(sink, bytes, 7 * MIB);
    await sink.abort(true);
    // Fewer bytes than the checkpoint says: the bytes count.
    Deno.truncateSync(part, 3 * MIB);
    // The sender offers the file again under another id.
    sink = await new SystemDisk(() => folder).sink(
      offerOf(bytes, "photo.jpg", { id: new Uint8Array(16) }),
    );
    assertEquals(sink.have, 3 * MIB);
    await fill(sink, bytes);
    assertEquals(sha256(Deno.readFileSync(await sink.finish(sha256(bytes)))), sha256(bytes));
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("resumePart: takes over the part of a killed client, but not of a running one", async () => {
  await inFolder(async (folder) => {
    const bytes = content(9 * MIB);
    const offer = { ...offerOf(bytes), id: [...ID] };
    const program = `
      import { SystemDisk } from ${JSON.stringify(import.meta.resolve("./system_disk.ts"))};
      const offer = ${JSON.stringify(offer)};
      const disk = new SystemDisk(() => ${JSON.stringify(folder)});
      const sink = await disk.sink({ ...offer, id: Uint8Array.from(offer.id) });
      for await (const bytes of Deno.stdin.readable) await sink.write(sink.have, bytes);
      console.log(sink.have);
      setInterval(() => {}, 1000);
    `;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["eval", "--config", `${import.meta.dirname}/../deno.json`, program],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const stdin = child.stdin.getWriter();
    await stdin.write(bytes);
    await stdin.close();
    const stdout = child.stdout.getReader();
    const { value } = await stdout.read();
    assertEquals(new TextDecoder().decode(value), `${bytes.length}\n`);
    const disk = new SystemDisk(() => folder);
    const other = await disk.sink(offerOf(bytes));
    assertEquals(other.have, 0);
    await other.abort(false);
    child.kill("SIGKILL");
    await stdout.cancel();
    await child.status;
    const sink = await new SystemDisk(() => folder).sink(offerOf(bytes));
    // The first checkpoint is on the disk, and the second may be.
    assert(sink.have === 4 * MIB || sink.have === 8 * MIB, String(sink.have));
    await fill(sink, bytes);
    await sink.finish(sha256(bytes));
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("PartFile: writes checkpoints, each after its bytes are on the disk", async () => {
  await inFolder(async (folder) => {
    const bytes = content(13 * MIB);
    let written = 0;
    const synced: number[] = [];
    const disk = new SystemDisk(() => folder, {
      ...SYSTEM_CALLS,
      write: async (file, bytes) => {
        const n = await file.write(bytes);
        written += n;
        return n;
      },
      sync: async (file, what) => {
        synced.push((await file.stat()).size);
        await SYSTEM_CALLS.sync(file, what);
      },
    });
    const sink = await disk.sink(offerOf(bytes));
    await fill(sink, bytes);
    assertEquals(written, bytes.length);
    await sink.abort(true);
    const state = stateName(`${folder}/${partName("photo.jpg", HEX)}`);
    const checkpoints = Deno.readTextFileSync(state).trimEnd().split("\n").slice(1).map(Number);
    assertEquals(checkpoints, [4, 8, 12, 13].map((n) => n * MIB));
    assertEquals(synced.length, 4);
    for (const [i, checkpoint] of checkpoints.entries()) assert(synced[i]! >= checkpoint);
    // The part is complete and only needs its name.
    const again = await disk.sink(offerOf(bytes));
    assertEquals(again.have, bytes.length);
    assertEquals(await again.finish(sha256(bytes)), `${folder}/photo.jpg`);
  });
});

Deno.test("resumePart: resumes only the same file of the same member, in one download at a time", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(2 * MIB);
    const first = await disk.sink(offerOf(bytes));
    await fill(first, bytes, MIB);
    // The first download still works on it.
    for (const other of [disk, new SystemDisk(() => folder)]) {
      const sink = await other.sink(offerOf(bytes));
      assertEquals(sink.have, 0);
      await sink.abort(false);
    }
    await first.abort(true);
    const others: Partial<ReceivedOffer>[] = [
      { from: "mallory" },
      { size: bytes.length + 1 },
      { name: "other.jpg" },
    ];
    for (const other of others) {
      const sink = await disk.sink(offerOf(bytes, "photo.jpg", other));
      assertEquals(sink.have, 0, Object.keys(other)[0]!);
      await sink.abort(false);
    }
    // Whether its content is the same, only its sender can say.
    const another = await disk.sink(offerOf(content(bytes.length, 1)));
    assertEquals(another.have, MIB);
    await another.abort(true);
    const both = await Promise.all([disk.sink(offerOf(bytes)), disk.sink(offerOf(bytes))]);
    assertEquals(both.map(({ have }) => have).sort(), [0, MIB]);
    for (const sink of both) await sink.abort(false);
    assertEquals(list(folder), []);
  });
});

Deno.test("PartFile.abort: keeps the part of a small file, but no empty part", async () => {
  await inFolder(async (folder) => {
    const disk = new SystemDisk(() => folder);
    const bytes = content(100);
    let sink = await disk.sink(offerOf(bytes));
    await sink.write(0, bytes.subarray(0, 40));
    await sink.abort(true);
    await sink.abort(false);
    sink = await disk.sink(offerOf(bytes));
    assertEquals(sink.have, 40);
    await fill(sink, bytes);
    await sink.finish(sha256(bytes));
    await (await disk.sink(offerOf(content(5), "other"))).abort(true);
    assertEquals(list(folder), ["photo.jpg"]);
  });
});

Deno.test("PartFile.write: reports a full disk, keeps the earlier bytes, and continues when there is space", async () => {
  await inFolder(async (folder) => {
    const bytes = content(2 * MIB);
    let room = MIB + 100;
    const full: WriteCalls = {
      ...SYSTEM_CALLS,
      write: async (file, bytes) => {
        if (room === 0) throw systemError("ENOSPC");
        const written = await file.write(bytes.subarray(0, room));
        room -= written;
        return written;
      },
    };
    const disk = new SystemDisk(() => folder, full);
    let sink = await disk.sink(offerOf(bytes));
    const message = "Cannot receive photo.jpg: no space is left on the disk";
    await refuses(() => fill(sink, bytes), message);
    assertEquals(sink.have, MIB);
    room = 200_000;
    await refuses(() => fill(sink, bytes), message);
    await sink.abort(true);
    room = 5 * MIB;
    sink = await disk.sink(offerOf(bytes));
    assertEquals(sink.have, MIB + 3 * CHUNK);
    await fill(sink, bytes);
    assertEquals(Deno.readFileSync(await sink.finish(sha256(bytes))), bytes);
  });
});

Deno.test("PartFile.write: reports errors of the system in plain words", async () => {
  await inFolder(async (folder) => {
    let code = "";
    const disk = new SystemDisk(() => folder, {
      ...SYSTEM_CALLS,
      write: () => Promise.reject(systemError(code)),
    });
    const sink = await disk.sink(offerOf(content(10)));
    for (
      const [given, words] of [
        ["EDQUOT", "your disk quota is used up"],
        ["EFBIG", "the file is too large for the file system"],
        ["EROFS", "the disk is read-only"],
        ["EIO", "the device reported an error"],
        ["EXYZ", "as the system reports it (EXYZ)"],
      ]
    ) {
      code = given!;
      await refuses(() => sink.write(0, content(10)), `Cannot receive photo.jpg: ${words}`);
    }
    await sink.abort(true);
    assertEquals(list(folder), []);
  });
});

Deno.test({
  name: "PartFile.finish: Windows knows that the file comes from elsewhere",
  ignore: Deno.build.os !== "windows",
  fn: () =>
    inFolder(async (folder) => {
      const path = await receive(new SystemDisk(() => folder), content(10), "a.txt");
      const mark = await Deno.readTextFile(`${path}:Zone.Identifier`);
      assertEquals(mark, "[ZoneTransfer]\r\nZoneId=3\r\n");
    }),
});

Deno.test("PartFile.finish: puts the bytes on the disk before the file gets its name; after a failure there is none", async () => {
  await inFolder(async (folder) => {
    const calls: string[] = [];
    let broken = false;
    const disk = new SystemDisk(() => folder, {
      write: SYSTEM_CALLS.write,
      sync: async (file, what) => {
        calls.push(`sync ${what}`);
        if (broken) throw systemError("EIO");
        await SYSTEM_CALLS.sync(file, what);
      },
      mark: async (path) => {
        calls.push(`mark ${path.replace(/[0-9a-f]{32}/, "ID")}`);
        await SYSTEM_CALLS.mark(path);
      },
      link: async (from, to) => {
        calls.push("link");
        await SYSTEM_CALLS.link(from, to);
      },
    });
    await receive(disk, content(10), "a");
    // The mark is on the file before anybody sees its name.
    assertEquals(calls, ["sync all", `mark ${folder}/a.ID.part`, "link"]);
    broken = true;
    await refuses(
      () => receive(disk, content(10), "b"),
      "Cannot receive b: the device reported an error",
    );
    // A failed checkpoint is reported by the next write or by finish, even if the disk works again.
    const bytes = content(5 * MIB);
    const sink = await disk.sink(offerOf(bytes, "c"));
    await fill(sink, bytes, 4 * MIB);
    await assertRejects(
      async () => {
        await fill(sink, bytes);
        broken = false;
        await sink.finish(sha256(bytes));
      },
      ChatError,
      "Cannot receive c: the device reported an error",
    );
    await sink.abort(false);
    assertEquals(list(folder), ["a"]);
  });
});

posix(
  "PartFile.finish: reports a part or folder that was removed, and writes nowhere else",
  async () => {
    await inFolder(async (folder) => {
      const downloads = `${folder}/downloads`;
      const disk = new SystemDisk(() => downloads);
      const bytes = content(100);
      const part = `${downloads}/${partName("photo.jpg", HEX)}`;
      const begin = async () => {
        const sink = await disk.sink(offerOf(bytes));
        await fill(sink, bytes);
        return sink;
      };
      let sink = await begin();
      Deno.removeSync(part);
      await refuses(
        () => sink.finish(sha256(bytes)),
        "Cannot receive photo.jpg: its part file was removed",
      );
      assertEquals(list(downloads), []);

      sink = await begin();
      Deno.removeSync(part);
      Deno.writeTextFileSync(part, "another");
      await refuses(
        () => sink.finish(sha256(bytes)),
        "Cannot receive photo.jpg: another file has replaced its part file",
      );
      assertEquals(Deno.readTextFileSync(part), "another");
      Deno.removeSync(downloads, { recursive: true });

      sink = await begin();
      Deno.removeSync(downloads, { recursive: true });
      const gone = `Cannot receive photo.jpg: the folder ${downloads} does not exist any more`;
      await refuses(() => sink.finish(sha256(bytes)), gone);
      assertEquals(list(folder), []);

      sink = await begin();
      Deno.renameSync(downloads, `${folder}/moved`);
      Deno.symlinkSync("/", downloads);
      await refuses(() => sink.finish(sha256(bytes)), gone);
      Deno.removeSync(downloads);
      // The next download makes the folder again.
      assertEquals(await receive(disk, bytes), `${downloads}/photo.jpg`);
    });
  },
);
