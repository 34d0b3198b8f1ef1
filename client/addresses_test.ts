import { assertEquals, assertRejects } from "@std/assert";
import { ChatError, CodeMissing, OtherRecord, ProtocolError, WrongCode } from "../errors.ts";
import { type Address, Addresses, type RoomAddresses } from "./addresses.ts";
import { Scope } from "./scope.ts";

const place = (hostname: string) => ({ hostname, port: 2428 });
const LAN = { ...place("192.168.0.7"), others: [place("10.8.0.1")] };

const failed = (code: string) =>
  new ChatError(code, { cause: new ProtocolError(code, "in words") });

/** The hosts that are tried in a room of these addresses, and how that ends. */
async function play(
  room: RoomAddresses,
  answers: Readonly<Record<string, ChatError>>,
  { isRejoin = true, servers = [] as string[] } = {},
): Promise<{ tried: string[]; passed: string[]; end: string }> {
  const addresses = new Addresses(room);
  addresses.name(servers, Scope.PRIVATE);
  const tried: string[] = [];
  const passed: string[] = [];
  const attempt = ({ hostname }: Address) => {
    tried.push(hostname);
    const error = answers[hostname];
    return error ? Promise.reject(error) : Promise.resolve(hostname);
  };
  const tries = { isRejoin, onPassed: (message: string) => void passed.push(message) };
  const end = await addresses.inTurn(attempt, tries).catch(({ message }) => `failed: ${message}`);
  return { tried, passed, end };
}

Deno.test("Addresses.inTurn: tries the present address, those of the user, and those that the server has named", async () => {
  const lost = failed("lost");
  const servers = ["203.0.113.7:2428"];
  const answers = { "192.168.0.7": lost, "10.8.0.1": lost };
  const { tried, passed, end } = await play(LAN, answers, { servers });
  assertEquals(tried, ["192.168.0.7", "10.8.0.1", "203.0.113.7"]);
  assertEquals([passed, end], [["lost", "lost"], "203.0.113.7"]);
});

Deno.test("Addresses.inTurn: each address once, the one of the last success first", async () => {
  const addresses = new Addresses({ ...LAN, others: [...LAN.others, place("192.168.0.7")] });
  addresses.name(["10.8.0.1:2428", "203.0.113.7:2428"], Scope.PRIVATE);
  const hosts = () => addresses.all.map(({ hostname }) => hostname);
  assertEquals(hosts(), ["192.168.0.7", "10.8.0.1", "203.0.113.7"]);
  const last = ({ hostname }: Address) =>
    hostname === "203.0.113.7" ? Promise.resolve() : Promise.reject(failed("lost"));
  await addresses.inTurn(last, { isRejoin: true });
  assertEquals(addresses.present, "203.0.113.7:2428");
  // Also if the server does not name it any more.
  addresses.name([], Scope.PUBLIC);
  assertEquals(hosts(), ["203.0.113.7", "192.168.0.7", "10.8.0.1"]);
  assertEquals(addresses.texts, {
    given: ["192.168.0.7:2428", "10.8.0.1:2428"],
    named: ["203.0.113.7:2428"],
  });
});

Deno.test("Addresses.inTurn: an answer of the room ends the search; other errors do not", async () => {
  const answers: [ChatError, boolean][] = [
    ...["full", "locked", "removed", "closed", "wait"].map((code) =>
      [failed(code), true] as [ChatError, boolean]
    ),
    ...["lost", "bye", "timeout", "version", "malformed"].map((code) =>
      [failed(code), false] as [ChatError, boolean]
    ),
    [new ChatError("nothing listens there"), false],
    [new WrongCode("wrong"), true],
    [new CodeMissing("missing"), true],
    [new OtherRecord("other"), false],
  ];
  for (const [error, isAnswer] of answers) {
    for (const isRejoin of [false, true]) {
      const { tried } = await play(LAN, { "192.168.0.7": error }, { isRejoin });
      assertEquals(tried.length, isAnswer ? 1 : 2, error.message);
    }
  }
});

Deno.test("Addresses.inTurn: of a client that was in the room, no other address ends the session by a wrong code", async () => {
  const lost = failed("lost");
  const third = { ...LAN, others: [...LAN.others, place("10.8.0.2")] };
  const answers = { "192.168.0.7": lost, "10.8.0.1": new WrongCode("wrong") };
  assertEquals((await play(third, answers)).end, "10.8.0.2");
  assertEquals((await play(third, answers, { isRejoin: false })).end, "failed: wrong");
});

Deno.test("Addresses.inTurn: what an address says that only the server has named is no answer", async () => {
  const servers = ["203.0.113.7:2428", "203.0.113.8:2428"];
  for (const error of [failed("removed"), failed("locked"), new WrongCode("wrong")]) {
    const answers = { "192.168.0.7": failed("lost"), "203.0.113.7": error };
    assertEquals((await play(place("192.168.0.7"), answers, { servers })).end, "203.0.113.8");
  }
});

Deno.test("Addresses.inTurn: if no address is the room, the present one decides; for a newcomer a new code, else the last", async () => {
  const nothing = new ChatError("nothing");
  const other = new OtherRecord("other");
  const end = async (first: ChatError, second: ChatError, isRejoin: boolean) =>
    (await play(LAN, { "192.168.0.7": first, "10.8.0.1": second }, { isRejoin })).end;
  assertEquals(await end(nothing, other, true), "failed: nothing");
  assertEquals(await end(other, nothing, true), "failed: other");
  assertEquals(await end(other, nothing, false), "failed: other");
  assertEquals(await end(nothing, other, false), "failed: other");
  assertEquals(await end(failed("lost"), nothing, false), "failed: nothing");
});

Deno.test("Addresses.inTurn: a client that leaves tries no further address", async () => {
  const tried: string[] = [];
  const abort = new AbortController();
  const attempt = ({ hostname }: Address) => {
    tried.push(hostname);
    abort.abort();
    return Promise.reject(failed("lost"));
  };
  const { signal } = abort;
  const trying = new Addresses(LAN).inTurn(attempt, { isRejoin: true, signal });
  await assertRejects(() => trying, ChatError, "lost");
  assertEquals(tried, ["192.168.0.7"]);
});

Deno.test("Addresses.inTurn: only the last address has all the time to answer", async () => {
  const times: boolean[] = [];
  await new Addresses(LAN).inTurn(({ dialMs }) => {
    times.push(dialMs !== undefined);
    return Promise.reject(failed("lost"));
  }, { isRejoin: true }).catch(() => {});
  assertEquals(times, [true, false]);
});

Deno.test("Addresses.name: no server can name an address that is nearer than it is itself", () => {
  const named = [
    "127.0.0.1:1",
    "localhost:1",
    "[::1]:1",
    "192.168.0.7:1",
    "[fe80::1]:1",
    "8.8.8.8:1",
    "a.example:1",
  ];
  const left = (floor: Scope) => {
    const addresses = new Addresses(place("h"));
    addresses.name(named, floor);
    return addresses.texts.named;
  };
  assertEquals(left(Scope.MACHINE), named);
  assertEquals(left(Scope.PRIVATE), named.slice(3));
  assertEquals(left(Scope.PUBLIC), named.slice(5));
});

Deno.test("Addresses: what was named in an earlier run must not be nearer than the address of the user", () => {
  const floors = (hostname: string) =>
    new Addresses({ ...place(hostname), servers: [place("a.example")] }).all[1]!.floor;
  assertEquals(floors("chat.example.org"), Scope.PUBLIC);
  assertEquals(floors("10.0.0.1"), Scope.PRIVATE);
  assertEquals(floors("::1"), Scope.MACHINE);
});
