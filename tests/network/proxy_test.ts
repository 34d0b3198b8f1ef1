// A proxy in front of the server: it names each client's address with a PROXY header, and only a trusted one may.

import { assert, assertEquals, assertMatch } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { ClassicAdapter } from "../../classic/member.ts";
import { PREFACE, Type, VERSION } from "../../protocol.ts";
import { encodeEnvelope, encodeProfile } from "../../protocol/envelope.ts";
import { encodeHello, encodeLogin, parseError } from "../../protocol/json_frames.ts";
import { parseRange } from "../../server/addresses.ts";
import { TRIES_PER_ADDRESS } from "../../server/login_tries.ts";
import { register, startLogin } from "../../cipher/opaque.ts";
import { encodeFrame } from "../../protocol.ts";
import { entry, Raw, TestRoom, xor } from "../support/loopback.ts";
import { header, proxied } from "../support/proxied.ts";

const LOOPBACK = [parseRange("127.0.0.1")!];

const HEALTH_CHECK = header(0x20, 0);
const profile = (name: string) => xor.seal(encodeProfile({ name }));

/** Joins through a proxy. */
async function joinFrom(room: TestRoom, client: string, name = "raw"): Promise<Raw> {
  const raw = await Raw.connect(room);
  await raw.write(proxied(client));
  await raw.hello(profile(name));
  return raw;
}

async function errorOf(raw: Raw): Promise<{ code: string; message: string }> {
  return parseError((await raw.frameOf(Type.ERROR)).body);
}

Deno.test("Server behind a proxy: a member has the address in the header", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  await using four = await joinFrom(room, "192.0.2.7");
  await using six = await joinFrom(room, "2001:db8::7");
  await using mapped = await joinFrom(room, "::ffff:192.0.2.9");
  assertEquals(room.lines, [
    "member 1 joined from 192.0.2.7:51234 (1 in the room)",
    "member 2 joined from [2001:db8::7]:51234 (2 in the room)",
    "member 3 joined from 192.0.2.9:51234 (3 in the room)",
  ]);
  for (const raw of [four, six, mapped]) await raw.write(encodeFrame(Type.BYE, 0));
  for (const raw of [four, six, mapped]) await raw.rest();
});

Deno.test("Server behind a proxy: the header may come in any pieces, also together with all that follows", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  const bytes = concat([proxied("192.0.2.7"), PREFACE, entry(profile("raw"))]);
  await using raw = await Raw.connect(room);
  await raw.write(bytes);
  await raw.frameOf(Type.WELCOME);
  await using slow = await Raw.connect(room);
  for (const byte of bytes) await slow.write(Uint8Array.of(byte));
  await slow.frameOf(Type.WELCOME);
  for (const at of [1, 12, 16, 20, 34, 35, bytes.length - 1]) {
    await using split = await Raw.connect(room);
    await split.write(bytes.subarray(0, at));
    await split.write(bytes.subarray(at));
    await split.frameOf(Type.WELCOME);
  }
});

Deno.test("Server behind a proxy: limits per address count clients, not the proxy", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK, maxPerAddress: 1, maxPending: 1 });
  await using first = await joinFrom(room, "192.0.2.7");
  await using second = await joinFrom(room, "192.0.2.8");
  for (const raw of [first, second]) await raw.write(encodeFrame(Type.PING, 0));
  for (const raw of [first, second]) await raw.frameOf(Type.PONG);
  await using refused = await Raw.connect(room);
  await refused.write(proxied("192.0.2.7", 4), PREFACE, entry(profile("more")));
  const message = "too many members from your address (at most 1)";
  assertEquals(await errorOf(refused), { code: "full", message });
  refused.conn.close();
  await room.until("the refusal", () => room.lines.length === 3);
  assertEquals(room.lines.at(-1), `refused 192.0.2.7:4: ${message}`);
});

Deno.test("Server behind a proxy: connections of other clients take no places from a client", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK, maxPending: 1 });
  // Some have sent their header, and some have not: before it they count for no address.
  const waiting = [];
  for (const bytes of [proxied("192.0.2.7"), proxied("192.0.2.8"), HEALTH_CHECK.subarray(0, 5)]) {
    const raw = await Raw.connect(room);
    waiting.push(raw);
    await raw.write(bytes, ...bytes.length > 16 ? [PREFACE] : []);
    if (bytes.length > 16) await raw.frameOf(Type.GREETING);
  }
  await using next = await Raw.connect(room);
  await next.write(proxied("192.0.2.7", 5), PREFACE);
  await next.frameOf(Type.GREETING);
  assertEquals(await errorOf(waiting[0]!), {
    code: "full",
    message: "too many pending connections: try again",
  });
  await waiting[2]!.write(HEALTH_CHECK.subarray(5));
  for (const raw of [waiting[1]!, waiting[2]!, next]) {
    if (raw === waiting[2]) await raw.hello();
    else await raw.write(entry(profile("raw")));
    await raw.write(encodeFrame(Type.PING, 0));
    await raw.frameOf(Type.PONG);
  }
  for (const raw of waiting) raw.conn.close();
});

Deno.test("Server behind a proxy: wrong codes count for the client, not for the proxy", async () => {
  await using room = new TestRoom({
    proxies: LOOPBACK,
    admission: register("abandon ability able about"),
  });
  const wrongTry = async (client: string): Promise<string> => {
    await using raw = await Raw.connect(room);
    await raw.write(proxied(client), PREFACE);
    await raw.frameOf(Type.GREETING);
    await raw.write(encodeLogin({ message: startLogin("").request }));
    const answer = (await raw.frame())!;
    if (answer.type === Type.ERROR) return parseError(answer.body).code;
    await raw.write(encodeHello({ version: VERSION, proof: "A".repeat(86) }));
    return (await errorOf(raw)).code;
  };
  for (let n = 0; n < TRIES_PER_ADDRESS; n++) assertEquals(await wrongTry("192.0.2.7"), "code");
  assertEquals(await wrongTry("192.0.2.7"), "wait");
  assertEquals(await wrongTry("192.0.2.8"), "code");
});

Deno.test("Server behind a proxy: a connection from there without a header is refused", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  for (
    const bytes of [
      PREFACE,
      new TextEncoder().encode("PROXY TCP4 192.0.2.7 203.0.113.1 51234 2428\r\n"),
      new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"),
    ]
  ) {
    await using raw = await Raw.connect(room);
    await raw.write(bytes);
    assertEquals(await errorOf(raw), {
      code: "not-chat",
      message: "connections from 127.0.0.1 need a PROXY header (--trust-proxy): " +
        "it sent no PROXY header of version 2",
    });
  }
  await using bad = await Raw.connect(room);
  await bad.write(header(0x21, 0x11, [new Uint8Array(3)]));
  assertMatch((await errorOf(bad)).message, /its PROXY header is too short for its addresses$/);
});

Deno.test("Server: nobody but a trusted proxy may claim an address", async () => {
  for (const proxies of [[], [parseRange("127.0.0.2")!, parseRange("10.0.0.0/8")!]]) {
    await using room = new TestRoom({ proxies });
    await using raw = await Raw.connect(room);
    await raw.write(proxied("192.0.2.7"), PREFACE);
    assertEquals((await errorOf(raw)).code, "not-chat");
    assertMatch(room.lines[0]!, /^refused 127\.0\.0\.1:\d+: this is a chat server/);
  }
});

Deno.test("Server behind a proxy: a second header is refused, and the first one counts", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  await using raw = await Raw.connect(room);
  await raw.write(proxied("192.0.2.7"), proxied("192.0.2.8"), PREFACE);
  assertEquals((await errorOf(raw)).code, "not-chat");
  assertMatch(room.lines[0]!, /^refused 192\.0\.2\.7:51234: /);
});

Deno.test("Server behind a proxy: health checks are neither logged nor counted as refused", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  for (const bytes of [HEALTH_CHECK, header(0x21, 0, [new Uint8Array(7)]), new Uint8Array(0)]) {
    await using raw = await Raw.connect(room);
    await raw.write(bytes);
    await raw.end();
    assertEquals(await raw.rest(), new Uint8Array(0));
  }
  await using client = await Raw.connect(room);
  await client.write(proxied("192.0.2.7"));
  await client.end();
  await client.rest();
  assertEquals(
    await room.logged(1),
    "refused 192.0.2.7:51234: it disconnected before sending anything",
  );
  assertMatch(room.status(), /^chat_refused_total\{code="other"\} 1$/m);
});

Deno.test("Server: a connection that is reset before it is accepted, as in health checks, costs nothing", async () => {
  await using room = new TestRoom();
  // While the other program runs, this one accepts nothing.
  const code = `import net from "node:net";
for (let i = 0; i < 20; i++) {
  const socket = net.connect(${room.port}, "127.0.0.1", () => socket.resetAndDestroy());
}`;
  const { success } = new Deno.Command(Deno.execPath(), { args: ["eval", code] }).outputSync();
  assert(success);
  await using raw = await Raw.connect(room);
  await raw.hello();
  // No error, and so no pause.
  assertMatch(room.lines[0]!, /^member 1 joined/);
  assertMatch(room.status(), /^chat_accept_errors_total 0$/m);
});

Deno.test("Server behind a proxy: a connection of the proxy itself keeps the proxy's address", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  await using raw = await Raw.connect(room);
  await raw.write(HEALTH_CHECK);
  await raw.hello();
  assertMatch(room.lines[0]!, /^member 1 joined from 127\.0\.0\.1:\d+ /);
});

Deno.test("Server behind a proxy: a connection is unadmitted while its header is awaited", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK, maxAdmissions: 1 });
  await using silent = await Raw.connect(room);
  await silent.write(proxied("192.0.2.7").subarray(0, 20));
  await using next = await joinFrom(room, "192.0.2.8");
  assertEquals((await errorOf(silent)).code, "full");
  await next.write(encodeFrame(Type.PING, 0));
  await next.frameOf(Type.PONG);
});

Deno.test("Server behind a proxy: the header takes its time from the handshake's", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK, handshakeMs: 1 });
  await using silent = await Raw.connect(room);
  await silent.write(proxied("192.0.2.7").subarray(0, 20));
  assertEquals((await errorOf(silent)).code, "timeout");
});

Deno.test("Server behind a proxy: a browser is given the address that it has connected to", async () => {
  await using room = new TestRoom({ proxies: LOOPBACK });
  await using raw = await Raw.connect(room);
  await raw.write(proxied("192.0.2.7"), new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await raw.end();
  assertMatch(new TextDecoder().decode(await raw.rest()), /chat join 203\.0\.113\.1:2428\n$/);
});

Deno.test("Server behind a proxy: chat clients are not taken for classic ones, and these have their port", async () => {
  await using room = new TestRoom({
    proxies: LOOPBACK,
    classic: (key) => new ClassicAdapter(key),
  });
  await using raw = await Raw.connect(room);
  // In one piece: after the header nothing more has to come.
  await raw.write(concat([proxied("192.0.2.7"), PREFACE, entry(profile("raw"))]));
  await raw.frameOf(Type.WELCOME);
  await using classic = await Raw.connect(room);
  await classic.write(proxied("192.0.2.8", 777));
  const joined = await raw.frameOf(Type.JOINED);
  assertEquals(joined.id, 1);
  assertMatch(
    await room.logged(2),
    /member 2 joined from 192\.0\.2\.8:777 /,
  );
  await raw.write(
    encodeFrame(Type.MESSAGE, 0, xor.seal(encodeEnvelope({ kind: "text", text: "x" }))),
  );
});
