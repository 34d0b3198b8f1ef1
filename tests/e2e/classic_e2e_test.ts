import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { Program, run } from "../support/program.ts";
import { within } from "../support/async.ts";
import { Impostor, KEY, Raw } from "../support/loopback.ts";
import { Terminal } from "../support/pty.ts";

const utf8 = new TextEncoder();
const crypt = (bytes: Uint8Array) => Uint8Array.from(bytes, (byte) => byte ^ (KEY - 10));

/** The bytes of one read, as a classic client reads. */
async function recv(raw: Raw): Promise<Uint8Array<ArrayBuffer>> {
  const buffer = new Uint8Array(1024);
  const count = await within("something to read", raw.conn.read(buffer));
  return buffer.subarray(0, count ?? 0);
}

function listen(): Promise<{ server: Program; address: string }> {
  return Program.serve("--cipher", "xor", "--key", String(KEY), "--classic");
}

Deno.test("chat serve --classic: a classic client and a chat client hold the example conversation", async () => {
  const { server, address } = await listen();
  await using _ = server;
  await server.stderr.lineLike(/^chat: classic clients can join, too$/);
  await using anna = await Program.join(address, "anna", "--stay");
  await using raw = await Raw.connect({ port: Number(address.split(":").at(-1)) });
  const { port } = raw.conn.localAddr;
  assertEquals(new TextDecoder().decode(await recv(raw)), String(KEY));
  await anna.stderr.lineLike(new RegExp(`^${port} \\(classic\\) joined$`));
  for (const [name, text] of [["o", "So it starts!"], ["a", "Right?"], ["o", "Yep!"]]) {
    if (name === "o") {
      await raw.write(crypt(utf8.encode(text)));
      assertEquals(await anna.stdout.line(), `${port}: ${text}`);
    } else {
      await anna.type(`${text}\n`);
      assertEquals(await anna.stdout.line(), `anna: ${text}`);
      assertEquals(new TextDecoder().decode(crypt(await recv(raw))), `anna: ${text}`);
    }
  }
  await raw.end();
  await anna.stderr.lineLike(new RegExp(`^${port} left$`));
  assertEquals(await raw.rest(), new Uint8Array(0));
});

Deno.test("chat join --json: marks a classic member, and refuses a direct message to it", async () => {
  const { server, address } = await listen();
  await using _ = server;
  await using raw = await Raw.connect({ port: Number(address.split(":").at(-1)) });
  await recv(raw);
  await using anna = new Program(["join", address, "--name", "anna", "--json"]);
  const { members } = JSON.parse(await anna.stdout.lineLike(/^\{"type":"members"/));
  const name = String(raw.conn.localAddr.port);
  assertEquals(members[0], { id: 1, name, self: false, away: false, classic: true });
  await anna.type('{"type":"tell","to":1,"text":"psst"}\n');
  const error = JSON.parse(await anna.stdout.lineLike(/^\{"type":"error"/));
  assertStringIncludes(error.message, `Cannot send to ${name} alone`);
});

Deno.test("chat join --classic: talks to a classic server, even if its key comes in two pieces", async () => {
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("1"));
    await raw.write(utf8.encode("98"));
    assertEquals(new TextDecoder().decode(crypt(await recv(raw))), "Right?");
    await raw.write(crypt(utf8.encode("Yep! 🎉")));
    assertEquals(await raw.rest(), new Uint8Array(0));
  });
  const address = `127.0.0.1:${server.port}`;
  await using program = new Program(["join", "--classic", address, "--json"]);
  const welcome = JSON.parse(await program.stdout.lineLike(/^\{"type":"welcome"/));
  assertEquals([welcome.address, welcome.cipher, welcome.classic], [address, "xor", true]);
  await program.type('{"type":"say","text":"Right?"}\n{"type":"act","text":"waves"}\n');
  assertStringIncludes(
    await program.stdout.lineLike(/^\{"type":"error"/),
    "Cannot send an action in a classic room",
  );
  const message = JSON.parse(await program.stdout.lineLike(/"name":"room"/));
  assertEquals([message.type, message.text], ["message", "Yep! 🎉"]);
  await program.endInput();
  // One line was refused.
  assertEquals((await program.result()).code, 1);
});

Deno.test("chat join --classic: in a pipe it sends each line, and reports the end of the server", async () => {
  await using server = new Impostor(async (raw) => {
    await raw.write(utf8.encode("198"));
    let came = "";
    while (came !== "So it starts!Right?") came += new TextDecoder().decode(crypt(await recv(raw)));
    await raw.write(crypt(utf8.encode("Yep!")));
  });
  await using program = new Program(["join", "--classic", `127.0.0.1:${server.port}`, "--stay"]);
  assertMatch(await program.stderr.line(), /^joined 127\.0\.0\.1:\d+ as \d+$/);
  assertMatch(await program.stderr.line(), /^here: \d+, room \(classic\)$/);
  await program.type("So it starts!\nRight?\n");
  const { code, stdout, stderr } = await program.result();
  assertEquals(code, 1);
  assertMatch(stdout, /^\d+: So it starts!\n\d+: Right\?\nroom: Yep!\n$/);
  assertMatch(stderr, /^chat: error: Cannot stay in the room: the server closed the connection$/m);
});

Deno.test({
  name:
    "chat join --classic: a screen sends typed and pasted text, shows messages, and reports the end",
  // Without a shell there is no terminal.
  ignore: Deno.build.os === "windows",
  async fn() {
    const pasted = Array.from({ length: 60 }, (_, i) => `line ${i} ümlaut 🎉`).join("\n");
    const end = Promise.withResolvers<void>();
    await using server = new Impostor(async (raw) => {
      await raw.write(utf8.encode("198"));
      const decoder = new TextDecoder("utf-8", { fatal: true });
      let came = "";
      while (came !== `Right?${pasted}`) {
        came += decoder.decode(crypt(await recv(raw)), { stream: true });
        if (came === "Right?") await raw.write(crypt(utf8.encode("52684: Yep!\x1b[2J")));
      }
      await raw.write(crypt(utf8.encode("52684: all of it")));
      await end.promise;
    });
    // Otherwise a waiting server would hide the failure.
    using stack = new DisposableStack();
    stack.defer(() => end.resolve());
    const address = `127.0.0.1:${server.port}`;
    await using terminal = new Terminal();
    terminal.run("join", "--classic", address);
    await terminal.shows("here: room (classic)");
    await terminal.shows(
      `${address} · xor: not secret · classic · connected`,
    );
    terminal.type("Right?\r");
    await terminal.shows("room │ 52684: Yep!␛[2J");
    for (
      const [command, answer] of [
        ["/who", "Cannot list the members"],
        ["/msg 52684 psst", "Cannot send a direct message"],
        ["/nick anna", "Cannot change your name"],
        ["/send a.txt", "Cannot send files"],
      ]
    ) {
      terminal.type(`\x15${command}\r`);
      await terminal.shows(answer!);
    }
    terminal.type(`\x15\x1b[200~${pasted}\x1b[201~\r`);
    await terminal.shows("52684: all of it");
    terminal.type("not gone yet");
    await terminal.shows("> not gone yet");
    end.resolve();
    await terminal.shows("connection lost: the server closed the connection");
    await terminal.shows("not sent: not gone yet");
    await terminal.shows("exit code 1");
  },
});

Deno.test("chat join --classic: a client of each kind meets in a chat room", async () => {
  const { server, address } = await listen();
  await using _ = server;
  await using anna = await Program.join(address, "anna", "--stay");
  const sent = await run(["join", "--classic", address], { input: "Here we go!\n" });
  assertEquals(sent.code, 0);
  assertMatch(await anna.stdout.line(), /^\d+: Here we go!$/);
});

Deno.test("chat --classic: refuses other options that do not fit, with a reason", async () => {
  const sealed = await run(["serve", "--classic"]);
  assertEquals([sealed.code, sealed.stdout], [2, ""]);
  assertMatch(
    sealed.stderr,
    /^chat: error: Cannot use --classic with the cipher sealed: /,
  );
  const named = await run(["join", "--classic", "127.0.0.1", "--name", "anna"]);
  assertEquals(named.code, 2);
  assertStringIncludes(
    named.stderr,
    "Cannot use --name with --classic: classic rooms have no names",
  );
});
