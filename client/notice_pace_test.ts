import { assertEquals } from "@std/assert";
import type { Person, RoomEvent } from "../room.ts";
import { FakeClock } from "../tests/support/fake_clock.ts";
import { NoticePace } from "./notice_pace.ts";

/** A pace for members whose names the test sets, and what comes out, in short. */
function setUp() {
  const clock = new FakeClock();
  const names = new Map([[1, "ada"], [2, "bob"], [3, "carol"]]);
  const out: string[] = [];
  const short = (event: RoomEvent): string => {
    switch (event.type) {
      case "renamed":
        return `${event.before}>${event.who.name}`;
      case "unreadable":
        return `${event.from.name}: ${event.fresh} of ${event.count}`;
      case "message":
        return `${event.from.name} says ${event.text}`;
      default:
        return "who" in event && event.who ? `${event.type} ${event.who.name}` : event.type;
    }
  };
  const person = (id: number): Person => (
    { id, name: names.get(id) ?? `#${id}`, self: id === 1, away: false }
  );
  const pace = new NoticePace((event) => void out.push(short(event)), {
    has: (id) => names.has(id),
    person,
  }, clock);
  const rename = (id: number, name: string) => {
    const before = person(id).name;
    names.set(id, name);
    pace.pass({ type: "renamed", who: person(id), before, at: 0 });
  };
  const counts = new Map<number, number>();
  const unreadable = (id: number) => {
    const count = (counts.get(id) ?? 0) + 1;
    counts.set(id, count);
    pace.pass({ type: "unreadable", from: person(id), message: "no", count, fresh: 1 });
  };
  const about = (type: "away" | "back" | "agreed" | "forked" | "keychanged", id: number) => {
    const who = person(id);
    const event = { type, who, at: 0, since: undefined };
    pace.pass(event as unknown as RoomEvent);
  };
  const say = (id: number, text: string) =>
    pace.pass({
      type: "message",
      from: person(id),
      text,
      action: false,
      at: 0,
      ref: undefined,
      sent: undefined,
      missing: 0,
    });
  const leave = (id: number) => {
    const who = person(id);
    names.delete(id);
    pace.pass({ type: "left", who, reason: "left", at: 0 });
  };
  const taken = () => out.splice(0);
  return { clock, pace, rename, unreadable, about, say, leave, taken };
}

Deno.test("NoticePace: of a storm of renames, the first comes at once, and one a second with the last name", () => {
  const { clock, rename, taken } = setUp();
  for (let i = 1; i <= 900; i++) rename(2, `n${i}`);
  assertEquals(taken(), ["bob>n1"]);
  clock.pass(999);
  assertEquals(taken(), []);
  clock.pass(1);
  assertEquals(taken(), ["n1>n900"]);
  for (let i = 0; i < 50; i++) {
    rename(2, `m${i}`);
    clock.pass(100);
  }
  assertEquals(taken(), ["n900>m9", "m9>m19", "m19>m29", "m29>m39", "m39>m49"]);
  clock.pass(10_000);
  assertEquals([taken(), clock.waiting], [[], 0]);
});

Deno.test("NoticePace: whatever else comes of a member, its new name comes before, and others wait for nothing", () => {
  const { rename, say, about, leave, taken } = setUp();
  rename(2, "b1");
  rename(3, "c1");
  rename(2, "b2");
  say(3, "hi");
  say(2, "hello");
  assertEquals(taken(), ["bob>b1", "carol>c1", "c1 says hi", "b1>b2", "b2 says hello"]);
  rename(2, "b3");
  about("away", 2);
  rename(3, "c2");
  leave(3);
  assertEquals(taken(), ["b2>b3", "away b3", "c1>c2", "left c2"]);
});

Deno.test("NoticePace: what is again as it was reported is not reported", () => {
  const { clock, rename, about, taken } = setUp();
  rename(2, "b1");
  for (const name of ["b2", "b3", "b1"]) rename(2, name);
  about("away", 3);
  for (const type of ["back", "away"] as const) about(type, 3);
  clock.pass(60_000);
  assertEquals(taken(), ["bob>b1", "away carol"]);
  about("back", 3);
  assertEquals(taken(), ["back carol"]);
});

Deno.test("NoticePace: a member that alternates true and false reports is reported at once, and then once a minute", () => {
  const { clock, about, taken } = setUp();
  const reports: string[] = [];
  for (let second = 0; second < 600; second++) {
    about(second % 2 === 0 ? "forked" : "agreed", 2);
    clock.pass(1000);
    reports.push(...taken());
  }
  clock.pass(60_000);
  reports.push(...taken());
  // At each full minute, the last report before it was a true one.
  assertEquals(reports, ["forked bob", "agreed bob"]);
});

Deno.test("NoticePace: of unreadable messages the first comes at once, and after a minute the number of the others", () => {
  const { clock, unreadable, taken } = setUp();
  unreadable(2);
  unreadable(3);
  assertEquals(taken(), ["bob: 1 of 1", "carol: 1 of 1"]);
  for (let n = 0; n < 500; n++) unreadable(2);
  clock.pass(59_999);
  assertEquals(taken(), []);
  clock.pass(1);
  assertEquals([taken(), clock.waiting], [["bob: 500 of 501"], 0]);
  clock.pass(60_000);
  unreadable(2);
  assertEquals(taken(), ["bob: 1 of 502"]);
});

Deno.test("NoticePace: a member that leaves takes nothing with it, and ids that are no members are counted together", () => {
  const { clock, unreadable, leave, taken } = setUp();
  for (let n = 0; n < 3; n++) unreadable(2);
  leave(2);
  assertEquals(taken(), ["bob: 1 of 1", "bob: 2 of 3", "left bob"]);
  for (let id = 100; id < 200; id++) unreadable(id);
  clock.pass(60_000);
  assertEquals(taken(), ["#100: 1 of 1", "#199: 99 of 1"]);
});

Deno.test("NoticePace.flush: reports what is withheld, and leaves no timer", () => {
  const { clock, pace, rename, unreadable, taken } = setUp();
  for (let n = 0; n < 3; n++) {
    unreadable(2);
    rename(3, `c${n}`);
  }
  taken();
  pace.flush();
  assertEquals([taken(), clock.waiting], [["bob: 2 of 3", "c0>c2"], 0]);
  // A new session.
  rename(3, "c9");
  assertEquals(taken(), ["c2>c9"]);
});

Deno.test("NoticePace: a changed key is reported for the name that the member still has, before its words", () => {
  const { rename, about, say, taken } = setUp();
  rename(2, "eve(!)");
  about("keychanged", 2);
  rename(2, "mallory");
  rename(2, "dan(!)");
  about("keychanged", 2);
  rename(2, "mallory");
  say(2, "hi");
  rename(2, "fred(!)");
  about("keychanged", 2);
  say(2, "ho");
  assertEquals(taken(), [
    ...["bob>eve(!)", "keychanged eve(!)", "eve(!)>mallory", "mallory says hi"],
    ...["mallory>fred(!)", "keychanged fred(!)", "fred(!) says ho"],
  ]);
});

Deno.test("NoticePace: the user's own changes are never withheld", () => {
  const { rename, taken } = setUp();
  for (const name of ["a", "b", "c"]) rename(1, name);
  assertEquals(taken(), ["ada>a", "a>b", "b>c"]);
});

Deno.test("NoticePace: a member's status comes at most once a second, the last one, and not if it is the same again", () => {
  const clock = new FakeClock();
  let status: string | undefined;
  const who = (): Person => (
    { id: 2, name: "bob", self: false, away: false, ...(status && { status }) }
  );
  const out: (string | undefined)[] = [];
  const pace = new NoticePace(
    (event) => {
      if (event.type === "status") out.push(event.who.status);
    },
    { has: () => true, person: who },
    clock,
  );
  const set = (next: string | undefined) => {
    const before = status;
    status = next;
    pace.pass({ type: "status", who: who(), before, at: 0 });
  };
  for (const next of ["a", "b", "c"]) set(next);
  assertEquals(out, ["a"]);
  clock.pass(1000);
  assertEquals(out, ["a", "c"]);
  for (const next of [undefined, "d", "c"]) set(next);
  clock.pass(5000);
  assertEquals(out, ["a", "c"]);
});
