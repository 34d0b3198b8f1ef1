import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { Connection } from "../protocol/connection.ts";
import { FloodGuard } from "../protocol/rate_limit.ts";
import { Hub } from "./hub.ts";
import { Session, Sessions } from "./sessions.ts";

const outlet = { wake() {}, cut() {}, drop() {} };
const hub = new Hub();
/** No test here uses it. */
const NO_CONNECTION = {} as Connection;

function session(): Session {
  const { member } = hub.join(new Uint8Array(0), outlet);
  return new Session(member, NO_CONNECTION, { network: "192.0.2.7", floodGuard: new FloodGuard() });
}

Deno.test("Sessions: finds each session by its own token only", () => {
  const sessions = new Sessions();
  const [one, two] = [session(), session()];
  const [token, other] = [sessions.renew(one), sessions.renew(two)];
  assertNotEquals(token, other);
  assertEquals([sessions.find(token) === one, sessions.find(other) === two], [true, true]);
  assertEquals(sessions.find(""), undefined);
  assertEquals(sessions.find(`${token}A`), undefined);
  assertEquals([sessions.size, [...sessions.all()]], [2, [one, two]]);
});

Deno.test("Sessions.renew: the used token stays valid until the new one is confirmed, and no other does", () => {
  const sessions = new Sessions();
  const one = session();
  const first = sessions.renew(one);
  sessions.settle(one);
  const lost = sessions.renew(one, first);
  assertEquals([first, lost].map((token) => sessions.find(token)), [one, one]);
  // The WELCOME with the second token was lost: the client uses the first again.
  const second = sessions.renew(one, first);
  assertEquals([first, lost, second].map((token) => sessions.find(token)), [one, undefined, one]);
  // Or WELCOME arrived, and only HAVE was lost.
  const third = sessions.renew(one, second);
  assertEquals([first, second, third].map((token) => sessions.find(token)), [undefined, one, one]);
  sessions.settle(one);
  assertEquals([second, third].map((token) => sessions.find(token)), [undefined, one]);
  assertEquals(sessions.size, 1);
});

Deno.test("Sessions.settle: a session outlives its connection only after it", () => {
  const sessions = new Sessions();
  const one = session();
  sessions.renew(one);
  assert(!one.lasting);
  sessions.settle(one);
  assert(one.lasting);
});

Deno.test("Sessions.remove: its tokens become invalid, and its timers end", () => {
  const sessions = new Sessions();
  const one = session();
  let cancelled = 0;
  one.cancel = () => cancelled++;
  const first = sessions.renew(one);
  const tokens = [first, sessions.renew(one, first)];
  sessions.remove(one);
  assertEquals(tokens.map((token) => sessions.find(token)), [undefined, undefined]);
  assertEquals([sessions.size, [...sessions.all()], cancelled], [0, [], 1]);
});

Deno.test("Sessions: ten thousand sessions that resume often and end leave nothing", () => {
  const sessions = new Sessions();
  for (let i = 0; i < 10_000; i++) {
    const one = session();
    let token = sessions.renew(one);
    for (let round = 0; round < 3; round++) {
      token = sessions.renew(one, token);
      if (round === 1) sessions.settle(one);
    }
    sessions.remove(one);
    assertEquals(sessions.find(token), undefined);
    hub.leave(one.member, 0);
  }
  assertEquals(sessions.size, 0);
});

Deno.test("Sessions.from: counts the sessions of an address, however many tokens they have had", () => {
  const sessions = new Sessions();
  const [one, other] = [session(), session()];
  const token = sessions.renew(one);
  sessions.renew(one, token);
  sessions.renew(other);
  assertEquals([sessions.from("192.0.2.7"), sessions.from("192.0.2.8")], [2, 0]);
  sessions.remove(one);
  sessions.remove(one);
  assertEquals(sessions.from("192.0.2.7"), 1);
});
