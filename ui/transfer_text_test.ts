import { assert, assertEquals } from "@std/assert";
import type { Transfer } from "../room.ts";
import { ALICE, BOB, OFFER, UNPROVED } from "../tests/support/fake_room.ts";
import fc, { anyString } from "../tests/support/property.ts";
import { width } from "../text/width.ts";
import {
  Arrivals,
  changesSentence,
  duration,
  listRow,
  liveRow,
  offerSentence,
  ProgressLines,
  secondsLeft,
  transferSentence,
} from "./transfer_text.ts";

const running: Transfer = { ...OFFER, state: "running", bytes: 1024 * 1024, rate: 65_536 };

Deno.test("offerSentence: names sender, file, size, and the commands", () => {
  const offer = { type: "offer", from: BOB, direct: false, files: [OFFER], ...UNPROVED } as const;
  const what = "photo.jpg (3 MiB)";
  assertEquals(offerSentence(offer), `bob offers ${what}: /accept 1 or /decline 1`);
  assertEquals(
    offerSentence({ ...offer, direct: true }),
    `bob offers you ${what}: /accept 1 or /decline 1`,
  );
  const own = { ...OFFER, direction: "out", who: undefined } as const;
  assertEquals(
    offerSentence({ ...offer, from: ALICE, files: [own] }),
    `you offer ${what}; /cancel 1 to stop`,
  );
  assertEquals(
    offerSentence({ ...offer, from: ALICE, direct: true, files: [{ ...own, who: BOB }] }),
    `you offer ${what} to bob; /cancel 1 to stop`,
  );
  assertEquals(offerSentence(offer, false), `bob offers ${what}`);
  const many = Array.from({ length: 100 }, (_, i) => ({ ...OFFER, number: i + 3, name: `f${i}` }));
  assertEquals(
    offerSentence({ ...offer, files: many }),
    "bob offers 100 files (300 MiB): f0, f1, f2, f3, f4, …: /accept 3-102 or /decline 3-102",
  );
});

Deno.test("offerSentence: says what is free if a file takes more than a tenth of it", () => {
  const sentence = (free: number, files = [OFFER]) =>
    offerSentence({ type: "offer", from: BOB, direct: false, files, free, ...UNPROVED }, false);
  assertEquals(sentence(10 * OFFER.size), "bob offers photo.jpg (3 MiB)");
  assertEquals(sentence(10 * OFFER.size - 1), "bob offers photo.jpg (3 MiB, 30 MiB free)");
  assertEquals(sentence(OFFER.size), "bob offers photo.jpg (3 MiB, 3 MiB free)");
  assertEquals(sentence(2 ** 20), "bob offers photo.jpg (3 MiB, only 1 MiB free)");
  assertEquals(
    sentence(5 * 2 ** 20, [OFFER, OFFER]),
    "bob offers 2 files (6 MiB, only 5 MiB free): photo.jpg, photo.jpg",
  );
});

Deno.test("transferSentence: a transfer starts, resumes, stalls and ends", () => {
  const say = (fields: Partial<Transfer>) =>
    transferSentence({ ...running, ...fields }, { begins: true });
  assertEquals(say({ bytes: 0 }), "receiving photo.jpg from bob (3 MiB)");
  const third = { bytes: 1024 * 1024, resumed: 1024 * 1024 };
  assertEquals(say(third), "resuming photo.jpg from bob at 33% of 3 MiB");
  assertEquals(say({}), undefined);
  assertEquals(
    say({ stalled: "bob is away" }),
    "photo.jpg from bob stalled: bob is away",
  );
  assertEquals(
    say({ state: "done", path: "/d/photo.jpg" }),
    "received photo.jpg from bob (3 MiB), verified: /d/photo.jpg",
  );
  assertEquals(say({ state: "done", direction: "out" }), "sent photo.jpg to bob (3 MiB)");
  assertEquals(say({ state: "declined", direction: "out" }), "bob declined photo.jpg");
  assertEquals(
    say({ state: "failed", message: "no space left" }),
    "failed: photo.jpg from bob: no space left",
  );
  assertEquals(transferSentence({ ...running, bytes: 0 }, { begins: false }), undefined);
});

Deno.test("liveRow: bar, rate and time left, or why it stalls; fits any width, without control characters", () => {
  assertEquals(
    liveRow(running, 80),
    "↓ photo.jpg from bob ██████░░░░░░░░░░░░░░ 33% 64 KiB/s 0:32 left",
  );
  assertEquals(
    liveRow({ ...running, stalled: "bob is away" }, 80),
    "↓ photo.jpg from bob  33% stalled: bob is away",
  );
  const stalled = (name: string) => liveRow({ ...running, name, stalled: "bob has left" }, 80);
  assertEquals(stalled("2024/photo.jpg"), "↓ 2024/photo.jpg from bob  33% stalled: bob has left");
  // Of a long path, the last part says most.
  assertEquals(
    stalled("photos/summer at the sea/a.jpg"),
    "↓ a.jpg from bob  33% stalled: bob has left",
  );
  const transfer = fc.record({
    name: anyString(),
    bytes: fc.nat(),
    rate: fc.nat(),
    stalled: fc.option(anyString(), { nil: undefined }),
    direction: fc.constantFrom("in" as const, "out" as const),
  });
  fc.assert(fc.property(transfer, fc.integer({ min: 10, max: 200 }), (fields, columns) => {
    const row = liveRow({ ...running, ...fields, size: 2 ** 31 }, columns);
    assert(width(row) < columns, row);
    // deno-lint-ignore no-control-regex
    assert(!/[\x00-\x1f\x7f-\x9f]/.test(row));
  }));
});

Deno.test("listRow, duration: readable", () => {
  assertEquals(listRow(OFFER), "1  photo.jpg from bob, 3 MiB: offered");
  assertEquals(
    listRow(running),
    "1  photo.jpg from bob, 3 MiB: running 33%, 64 KiB/s, 0:32 left",
  );
  assertEquals(
    listRow({ ...running, direction: "out", rate: 0 }),
    "1  photo.jpg to bob, 3 MiB: running 33%",
  );
  assertEquals(
    listRow({ ...running, stalled: "bob is away" }),
    "1  photo.jpg from bob, 3 MiB: running 33%: bob is away",
  );
  assertEquals([0, 0.1, 59.5, 60, 3600, 1e9].map(duration), [
    ...["0:00", "0:01", "1:00", "1:00", "1:00:00", "99:59:59"],
  ]);
});

Deno.test("secondsLeft: at the current speed, rounded up; unknown without a speed", () => {
  assertEquals(secondsLeft(running), 32);
  assertEquals(secondsLeft({ ...running, rate: 1024 * 1024 * 1024 }), 1);
  assertEquals(secondsLeft({ ...running, bytes: running.size }), 0);
  assertEquals(secondsLeft({ ...running, rate: 0 }), undefined);
  assertEquals(secondsLeft({ ...running, stalled: "bob has left" }), undefined);
});

Deno.test("ProgressLines: one line each 10 s for all that moves, from 10 s after the first begins", () => {
  const lines = new ProgressLines();
  let second = 0;
  /** Progress each second; returns the lines. */
  const pass = (seconds: number, ...going: Transfer[]) =>
    Array.from({ length: seconds }, () => lines.take(going, 1000 * second++) ?? [])
      .flat();
  const out: Transfer = { ...running, direction: "out", name: "b.bin", rate: 196_608 };
  const stalled: Transfer = { ...running, stalled: "bob has left" };
  // A short file needs none.
  assertEquals(pass(10, running), []);
  const line = "receiving photo.jpg from bob: 33% of 3 MiB, 64 KiB/s, 0:32 left";
  assertEquals(pass(10, running), [line]);
  assertEquals(pass(10, stalled, out), [
    "sending b.bin to bob: 33% of 3 MiB, 192 KiB/s, 0:11 left",
  ]);
  assertEquals(pass(10, running, out), ["2 files are on their way, 256 KiB/s"]);
  assertEquals(pass(20, stalled), []);
  // After a pause it is as at the start.
  assertEquals(pass(10, running), []);
  assertEquals(pass(1, running), [line]);
});

Deno.test("Arrivals: reports the first file alone, and groups the next ones of each member", () => {
  const arrivals = new Arrivals();
  const here: Transfer = { ...OFFER, state: "done", path: "/d/photo.jpg" };
  const away: Transfer = { ...here, direction: "out", path: undefined };
  assertEquals(arrivals.add(here, 0), false);
  assertEquals(arrivals.add({ ...here, who: ALICE }, 1), false);
  assertEquals(arrivals.add(away, 2), false);
  assert(arrivals.isEmpty);
  assertEquals(arrivals.add(here, 2999), true);
  assertEquals(arrivals.add(away, 3001), true);
  assertEquals(arrivals.add({ ...here, path: "/d/last.jpg" }, 5000), true);
  assert(!arrivals.isEmpty);
  const sentences = [
    "received 2 more files (6 MiB) from bob, verified; the last: /d/last.jpg",
    "sent 1 more file (3 MiB) to bob",
  ];
  assertEquals(arrivals.sentences, sentences);
  assertEquals(arrivals.take(), sentences);
  assert(arrivals.isEmpty);
  // Shortly after a reported one.
  assertEquals(arrivals.add(here, 7999), true);
  assertEquals(arrivals.take().length, 1);
  assertEquals(arrivals.add(here, 10_999), false);
});

Deno.test("changesSentence: one line for all files that a message has changed; none for those that go on", () => {
  const sentence = (...states: Transfer["state"][]) =>
    changesSentence({
      type: "changes",
      from: BOB,
      transfers: states.map((state, i) => ({ ...OFFER, name: `f${i}`, state })),
    });
  assertEquals(sentence("cancelled", "cancelled"), "bob: 2 files cancelled: f0, f1");
  const many = Array.from({ length: 256 }, () => "cancelled" as const);
  assertEquals(sentence(...many), "bob: 256 files cancelled: f0, f1, f2, f3, f4, …");
  assertEquals(
    sentence("failed", "running", "done", "declined", "done"),
    "bob: 2 files received, 1 file declined, 1 file failed: f0, f2, f3, f4",
  );
  assertEquals(sentence("running", "waiting"), undefined);
  // This user has cancelled two offers; one of them was on its way to two members.
  const one = { ...OFFER, direction: "out", state: "cancelled", name: "a" } as const;
  const transfers = [
    { ...one, number: 7, offer: 5 },
    { ...one, number: 8, offer: 5 },
    { ...one, number: 5, offer: 5 },
    { ...one, number: 6, offer: 6, name: "b" },
  ];
  assertEquals(
    changesSentence({ type: "changes", from: ALICE, transfers }),
    "you: 2 files cancelled: a, b",
  );
});
