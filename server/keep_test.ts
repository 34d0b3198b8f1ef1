import { assertEquals } from "@std/assert";
import { drawToken } from "../protocol/resume.ts";
import { FakeTimer } from "../tests/support/fake_clock.ts";
import { KeptRoom } from "../tests/support/kept_room.ts";
import { Absences } from "./absences.ts";
import { Hub } from "./hub.ts";
import { Journal } from "./journal.ts";
import { keep, RETURN_MS } from "./keep.ts";

const HOUR = 3_600_000;
const GRACE = 24 * HOUR;
const DECADE = 10 * 365 * 24 * HOUR;

Deno.test("keep: a member that was away keeps the rest of its time, also if the clock was ahead or back for a while", async () => {
  for (const ahead of [0, DECADE, -DECADE]) {
    let time = 2e12;
    const clock = () => time;
    const room = await KeptRoom.open({ clock });
    const [ada, bob] = [room.join(), room.join()];
    room.hub.detach(bob);
    room.hub.setAway(bob);
    time += ahead + HOUR;
    room.say(ada, "the clock is wrong");
    time += HOUR - ahead;
    room.say(ada, "the clock is right");
    room.journal.flush();
    const files = room.files.map((file) => file.after());
    const timer = new FakeTimer();
    const journal = await Journal.open({
      ...{ files, clock, keep: 4 * 1024 * 1024, keepForMs: Infinity, newLog: false },
      ...{ boot: "1000000", after: timer.after },
    });
    const { fold } = journal.recovery;
    const record = (entry: Parameters<Journal["record"]>[0]) => journal.record(entry);
    const hub = new Hub({ name: drawToken(), fold, record, clock });
    const gone: number[] = [];
    const onOver = (id: number) => gone.push(id);
    const absences = new Absences({
      ...{ graceMs: GRACE, awayMs: 0, now: () => 0, after: timer.after, onAway() {}, onOver },
    });
    keep(journal, { hub, absences, now: () => 0, open() {}, report() {}, warn() {} });
    // The others see now that ada is away, too.
    timer.pass(RETURN_MS);
    assertEquals(gone, []);
    // Bob was away for two hours.
    timer.pass(GRACE - 2 * HOUR);
    assertEquals(gone, [bob.id]);
    assertEquals(absences.size, 1);
  }
});

Deno.test("keep: after a restart, members have 20 seconds to come back before they are seen as away", async () => {
  let time = 1000;
  const clock = () => time;
  const before = await KeptRoom.open({ clock });
  const [alice, bob] = [before.join(), before.join()];
  time = 3000;
  before.hub.setAway(bob);
  time = 10_000;
  before.say(alice, "hi");
  before.journal.flush();

  // An hour later: it does not count.
  time += 3_600_000;
  const files = before.files.map((file) => file.after());
  const { after } = new FakeTimer();
  const options = { keepForMs: Infinity, newLog: false, boot: "1000000" };
  const journal = await Journal.open({ ...options, files, keep: 4 * 1024 * 1024, clock, after });
  const { fold } = journal.recovery;
  const record = journal.record.bind(journal);
  const hub = new Hub({ name: drawToken(), fold, record, clock });
  const happened: unknown[] = [];
  keep(journal, {
    hub,
    now: () => 0,
    absences: {
      hold: (ms) => happened.push(["hold", ms]),
      add: ({ id }, since, isAway) => happened.push([id, since, isAway]),
    },
    open: ({ id }) => happened.push(["open", id]),
    report: ({ event }) => happened.push(event),
    warn: () => {},
  });
  assertEquals(happened, [
    ["hold", RETURN_MS],
    ...[["open", bob.id], [bob.id, -7000, true]],
    ...[["open", alice.id], [alice.id, 0, false]],
    "continued",
  ]);
});
