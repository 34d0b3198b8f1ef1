import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Report } from "../cipher.ts";
import { logFrame } from "../tests/support/plain_chain.ts";
import { Type } from "../protocol.ts";
import { firstLink } from "../protocol/chain.ts";
import { Chain, KEPT_POSITIONS } from "./chain.ts";
import { Forks } from "./forks.ts";

const ADA = 1;
const BEN = 2;
const NOON = Date.UTC(2026, 0, 31, 12);

/** A client that has seen `count` frames; `minutes` is its clock. */
function open(count = 3) {
  const chain = new Chain(0, firstLink(new Uint8Array(16)));
  const reports: Report[] = [chain.report];
  const see = () => {
    chain.add(logFrame(20, { type: reports.length === 1 ? Type.JOINED : Type.MESSAGE }));
    reports.push(chain.report);
  };
  for (let i = 0; i < count; i++) see();
  let minutes = 0;
  const forks = new Forks(chain, () => new Date(NOON + minutes * 60_000));
  return {
    ...{ chain, forks, reports, see },
    pass: (more: number) => void (minutes += more),
    /** A report as it comes with the next frame. */
    check: (id: number, report: Report) => forks.check(id, report, chain.report.position),
  };
}

const at = (minutes: number) => new Date(NOON + minutes * 60_000);
const forged = ({ position }: Report): Report => ({ position, chain: new Uint8Array(16) });

Deno.test("Forks.check: reports a fork once, and agreement once, with the time of the last agreement", () => {
  const { forks, reports, check, pass } = open();
  const [, first, second, third] = reports as [Report, Report, Report, Report];
  assertEquals(forks.of(ADA), { isForked: false, since: undefined });
  assertStrictEquals(check(ADA, first), undefined);
  assertEquals(forks.of(ADA), { isForked: false, since: at(0) });
  pass(2);
  assertEquals(check(ADA, forged(second)), { isForked: true, since: at(0) });
  pass(1);
  assertStrictEquals(check(ADA, forged(third)), undefined);
  assertEquals([forks.of(ADA), forks.forked.length], [{ isForked: true, since: at(0) }, 1]);
  pass(1);
  assertEquals(check(ADA, third), { isForked: false, since: at(4) });
  assertStrictEquals(check(ADA, third), undefined);
  assertStrictEquals(forks.forked.length, 0);
  // And again.
  assertEquals(check(ADA, forged(third)), { isForked: true, since: at(4) });
});

Deno.test("Forks.check: a member that has never agreed is forked since an unknown time", () => {
  const { forks, reports, check } = open();
  assertEquals(check(ADA, forged(reports[1]!)), { isForked: true, since: undefined });
  assertEquals(forks.of(ADA), { isForked: true, since: undefined });
});

Deno.test("Forks.check: a report that is ahead, or between two frames, is a fork", () => {
  for (const off of [1, 20, Number.MAX_SAFE_INTEGER]) {
    const { reports, check } = open();
    const { position, chain } = reports.at(-1)!;
    const report = { position: Math.min(position + off, Number.MAX_SAFE_INTEGER), chain };
    assertEquals(check(ADA, report)?.isForked, true);
  }
  const { reports, check } = open();
  const { position, chain } = reports[1]!;
  assertEquals(check(ADA, { position: position + 1, chain })?.isForked, true);
});

Deno.test("Forks.check: a report about too long ago changes nothing", () => {
  const { forks, reports, check, see } = open(KEPT_POSITIONS - 1);
  const oldest = reports[0]!;
  assertEquals(check(ADA, forged(oldest))?.isForked, true);
  see();
  for (const report of [oldest, forged(oldest)]) {
    assertStrictEquals(check(ADA, report), undefined);
    assertStrictEquals(check(BEN, report), undefined);
  }
  assertEquals(forks.of(ADA).isForked, true);
  assertEquals(forks.of(BEN), { isForked: false, since: undefined });
});

Deno.test("Forks: each member has its own mark, and it goes when the member leaves", () => {
  const { forks, reports, check } = open();
  check(ADA, forged(reports[1]!));
  check(BEN, reports[1]!);
  assertEquals([forks.of(ADA).isForked, forks.of(BEN).isForked, forks.forked.length], [
    true,
    false,
    1,
  ]);
  check(BEN, forged(reports[1]!));
  assertStrictEquals(forks.forked.length, 2);
  forks.forget(ADA);
  assertEquals([forks.of(ADA).isForked, forks.forked.length], [false, 1]);
  forks.forget(99);
});

Deno.test("Forks.check: the report in a JOINED is no mark that a later one could withdraw, and no agreement either", () => {
  const { chain, forks, reports, check } = open();
  const at = chain.report.position;
  assertEquals(forks.check(ADA, forged(reports[1]!), at, true), {
    isForked: true,
    since: undefined,
  });
  assertEquals([forks.of(ADA).isForked, forks.forked.length], [false, 0]);
  assertStrictEquals(check(ADA, reports[2]!), undefined);
  // A true one counts like any other.
  assertStrictEquals(forks.check(BEN, reports[1]!, at, true), undefined);
  assert(forks.of(BEN).since);
});
