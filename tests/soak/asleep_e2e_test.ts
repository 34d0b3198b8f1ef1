// The program on a machine that sleeps for longer than the server waits for a reply, in a room with all defaults.

import { assert, assertEquals } from "@std/assert";
import { Program } from "../support/program.ts";

const ASLEEP_MS = 75_000;
/** How often Ben says something meanwhile, in ms. */
const TALK_MS = 250;

type Json = Record<string, unknown>;

/** The next JSON event of this type. */
async function nextOf(program: Program, type: string): Promise<Json> {
  return JSON.parse(await program.stdout.lineLike(new RegExp(`^\\{"type":"${type}"`)));
}

// On Windows no signal stops a program.
const withSignals = Deno.build.os === "windows" ? Deno.test.ignore : Deno.test;

withSignals(
  "chat join: a laptop that sleeps for 75 s gets what was said meanwhile, once and in order",
  async () => {
    const { server, address } = await Program.serve();
    await using _ = server;
    await using ben = await Program.join(address, "ben", "--json");
    await using ada = await Program.join(address, "ada", "--json");
    await using reader = await Program.join(address, "reader", "--plain", "--stay");
    let said = 0;
    const say = async () => {
      await ben.type(`${JSON.stringify({ type: "say", text: `message ${++said}` })}\n`);
      assertEquals((await nextOf(ben, "message"))["text"], `message ${said}`);
    };
    await say();
    await nextOf(ada, "message");
    await reader.stdout.lineLike(/message 1$/);
    for (const one of [ada, reader]) one.signal("SIGSTOP");
    const end = Date.now() + ASLEEP_MS;
    while (Date.now() < end) {
      await say();
      await new Promise((resolve) => setTimeout(resolve, TALK_MS));
    }
    // `say` has skipped these lines of his.
    const [line] = await ben.stdout.match(/^\{"type":"away".*$/m);
    assert(Date.parse(JSON.parse(line)["since"]) < end);
    for (const one of [ada, reader]) one.signal("SIGCONT");
    await ben.stdout.match(/(?:^\{"type":"back"[^]*){2}/m);
    await say();
    await ben.endInput();
    await nextOf(ada, "left");
    await ada.type('{"type":"leave"}\n');
    const { stdout, code } = await ada.result();
    assertEquals(code, 0);
    const events = stdout.trimEnd().split("\n").map((line): Json => JSON.parse(line));
    const ofType = (type: string) => events.filter((event) => event["type"] === type);
    assertEquals(
      ofType("message").map(({ text }) => text),
      Array.from({ length: said }, (_, i) => `message ${i + 1}`),
    );
    assertEquals(ofType("message").filter((event) => "missing" in event), []);
    const [connected, ...more] = ofType("connected");
    assertEquals([connected!["resumed"], connected!["missed"], more], [true, 0, []]);
    // Some came before she was stopped, or the last one after she was back.
    const unseen = Number(connected!["unseen"]);
    assert(unseen > said / 4 && unseen < said, `${unseen} of ${said}`);
    assertEquals(ofType("caughtup").map(({ messages }) => messages), [unseen]);
    const [from, to] = ["connected", "caughtup"].map((type) => events.indexOf(ofType(type)[0]!));
    const between = events.slice(from, to).filter(({ type }) => type === "message");
    assertEquals(between.length, unseen);
    // The same for a person, in lines.
    await reader.stderr.lineLike(/^connected again; while you were away: \d+ messages$/);
    await reader.stderr.lineLike(/^caught up$/);
    reader.signal("SIGINT");
    const { stdout: lines } = await reader.result();
    assertEquals(
      lines.trimEnd().split("\n"),
      Array.from({ length: said }, (_, i) => `ben: message ${i + 1}`),
    );
  },
);
