import { assert, assertEquals } from "@std/assert";
import { AckOutcome } from "../protocol.ts";
import type { Act, OperatorAct } from "../protocol/moderation.ts";
import {
  forNewLog,
  Governance,
  type Governed,
  MAX_BANS,
  MAX_MODERATORS,
  MAX_SILENCED,
} from "./governance.ts";

const [HOST, OTHER, THIRD] = ["A".repeat(43), "B".repeat(43), "C".repeat(43)] as [
  string,
  string,
  string,
];
const { ACCEPTED, BUSY, GONE, REFUSED } = AckOutcome;

/** A room with a moderator that the operator has given, one that it has appointed, and two others. */
class Scene {
  readonly governance = new Governance();
  readonly members = new Map<number, Governed>();
  time = 1_000_000;
  isBannable = true;

  constructor() {
    for (const id of [1, 2, 3, 4]) {
      this.members.set(id, {
        id,
        network: `192.0.2.${id}`,
        moderator: undefined,
        tokens: [`token ${id}`],
      });
    }
    this.does({ action: "op", key: HOST });
    this.asks(1, HOST, { action: "op", key: OTHER });
    this.asks(2, OTHER, { action: "prove" });
  }

  /** The operator. */
  does(act: OperatorAct) {
    const { time, isBannable } = this;
    return this.governance.take(act, { moderator: undefined, time, isBannable }, (id) => {
      return this.members.get(id);
    });
  }

  /** A member that has proved a key. */
  asks(id: number, key: string, act: Act) {
    const { time, isBannable } = this;
    const moderator = { member: this.members.get(id)!, key };
    return this.governance.take(act, { moderator, time, isBannable }, (id) => this.members.get(id));
  }
}

Deno.test("Governance: only the keys of moderators can do anything, and the operator everything", () => {
  const scene = new Scene();
  const acts: readonly Act[] = [
    { action: "prove" },
    { action: "kick", member: 4 },
    { action: "bans" },
    { action: "lock" },
    { action: "op", key: THIRD },
    { action: "announce", text: "hi" },
  ];
  for (const act of acts) assertEquals(scene.asks(3, THIRD, act), { outcome: REFUSED });
  assertEquals(scene.governance.moderators, [HOST, OTHER]);
  assert(!scene.governance.isLocked);
  for (const act of acts) {
    if (act.action === "prove" || act.action === "bans") continue;
    assertEquals(scene.does(act).outcome, ACCEPTED);
  }
});

Deno.test("Governance: moderators do not end each other; the operator ends all, and those that moderators have appointed can be ended", () => {
  const scene = new Scene();
  for (const action of ["kick", "ban", "silence"] as const) {
    assertEquals(scene.asks(1, HOST, { action, member: 2 }).outcome, REFUSED);
    assertEquals(scene.asks(2, OTHER, { action, member: 1 }).outcome, REFUSED);
  }
  assertEquals(scene.asks(2, OTHER, { action: "deop", key: HOST }).outcome, REFUSED);
  assertEquals(scene.asks(1, HOST, { action: "deop", key: THIRD }).outcome, GONE);
  assertEquals(scene.asks(1, HOST, { action: "deop", key: OTHER }), {
    outcome: ACCEPTED,
    notice: { action: "deop", key: OTHER },
  });
  assertEquals(scene.asks(2, OTHER, { action: "lock" }).outcome, REFUSED);
  assertEquals(scene.asks(1, HOST, { action: "kick", member: 2 }).removed?.member.id, 2);
  assertEquals(scene.does({ action: "kick", member: 1 }).removed?.member.id, 1);
  assertEquals(scene.does({ action: "deop", key: HOST }).outcome, ACCEPTED);
});

Deno.test("Governance: a silenced member that becomes a moderator can be unsilenced by each moderator", () => {
  const scene = new Scene();
  const { governance } = scene;
  scene.asks(1, HOST, { action: "silence", member: 3 });
  scene.asks(1, HOST, { action: "op", key: THIRD });
  assertEquals(scene.asks(3, THIRD, { action: "prove" }).outcome, ACCEPTED);
  assertEquals(governance.maySpeak(scene.members.get(3)!), false);
  assertEquals(scene.asks(2, OTHER, { action: "unsilence", member: 3 }), {
    outcome: ACCEPTED,
    notice: { action: "unsilence", member: 3 },
  });
  assert(governance.maySpeak(scene.members.get(3)!));
});

Deno.test("Governance: an appointed key that the operator gives is given; a key is announced once", () => {
  const scene = new Scene();
  assertEquals(scene.asks(1, HOST, { action: "op", key: OTHER }), { outcome: ACCEPTED });
  assert(!scene.governance.isGiven(OTHER));
  assertEquals(scene.does({ action: "op", key: OTHER }), { outcome: ACCEPTED });
  assert(scene.governance.isGiven(OTHER));
  // An appointment does not take that away.
  scene.asks(1, HOST, { action: "op", key: OTHER });
  assert(scene.governance.isGiven(OTHER));
  for (let i = 2; i < MAX_MODERATORS; i++) {
    scene.does({ action: "op", key: `${i}`.padStart(43, "x") });
  }
  assertEquals(scene.does({ action: "op", key: THIRD }).outcome, BUSY);
});

Deno.test("Governance: a ban refuses its network until it ends, and only that network", () => {
  const scene = new Scene();
  const { governance } = scene;
  const ban = scene.asks(1, HOST, { action: "ban", member: 3, seconds: 60, reason: "spam" });
  const until = scene.time + 60_000;
  assertEquals(ban.notice, { action: "ban", member: 3, ban: 1, until, reason: "spam" });
  assertEquals(
    ban.removed?.message,
    "a moderator has banned you from this room until 1970-01-01 00:17 UTC: spam",
  );
  assertEquals(governance.banOf("192.0.2.3", until - 1)?.ban, 1);
  assertEquals(governance.banOf("192.0.2.4", until - 1), undefined);
  assertEquals(governance.banOf("192.0.2.3", until), undefined);
  scene.time = until;
  assertEquals(scene.asks(1, HOST, { action: "unban", ban: 1 }).outcome, GONE);
  scene.does({ action: "ban", member: 4 });
  assertEquals(scene.asks(2, OTHER, { action: "bans" }).bans, [
    { ban: 2, member: 4, by: 0, since: until },
  ]);
  assertEquals(scene.asks(2, OTHER, { action: "unban", ban: 2 }).notice, {
    action: "unban",
    ban: 2,
  });
  assertEquals(governance.banOf("192.0.2.4", until), undefined);
});

Deno.test("Governance: where a network cannot be told from others, a ban removes the member alone", () => {
  const scene = new Scene();
  scene.isBannable = false;
  const { notice, removed } = scene.asks(1, HOST, { action: "ban", member: 3 });
  assertEquals([notice, removed?.member.id], [{ action: "ban", member: 3 }, 3]);
  assertEquals(removed?.message, "a moderator has removed you from this room");
  assertEquals(scene.governance.bans, []);
});

Deno.test("Governance: a moderator cannot ban its own network; the operator can", () => {
  const scene = new Scene();
  const near = { ...scene.members.get(3)!, network: scene.members.get(1)!.network };
  scene.members.set(3, near);
  const { notice, removed } = scene.asks(1, HOST, { action: "ban", member: 3 });
  assertEquals([notice, removed?.member.id], [{ action: "ban", member: 3 }, 3]);
  assertEquals(scene.does({ action: "ban", member: 3 }).notice?.ban, 1);
});

Deno.test("Governance: there is a most of silenced members; those that leave make room", () => {
  const scene = new Scene();
  const { governance, members } = scene;
  const others = Array.from({ length: MAX_SILENCED }, (_, i) => i + 10);
  for (const id of others) members.set(id, { ...members.get(3)!, id });
  for (const member of others) {
    assertEquals(scene.does({ action: "silence", member }).outcome, ACCEPTED);
  }
  assertEquals(scene.does({ action: "silence", member: 3 }).outcome, BUSY);
  assert(governance.maySpeak(members.get(3)!));
  governance.forget(others[0]!);
  assertEquals(scene.does({ action: "silence", member: 3 }).outcome, ACCEPTED);
  assertEquals(governance.silenced, [...others.slice(1), 3]);
});

Deno.test("Governance: there is a most of bans; those that have ended make room", () => {
  const scene = new Scene();
  for (let i = 0; i < MAX_BANS; i++) {
    assertEquals(scene.does({ action: "ban", member: 3, seconds: 60 }).outcome, ACCEPTED);
  }
  const { outcome, removed } = scene.does({ action: "ban", member: 3 });
  assertEquals([outcome, removed], [BUSY, undefined]);
  scene.time += 60_000;
  assertEquals(scene.does({ action: "ban", member: 3 }).outcome, ACCEPTED);
  assertEquals(scene.governance.bans.map(({ ban }) => ban), [MAX_BANS + 1]);
});

Deno.test("Governance: who may speak to the room, and set the topic", () => {
  const scene = new Scene();
  const { governance } = scene;
  const speaks = () => [1, 2, 3].map((id) => governance.maySpeak(scene.members.get(id)!));
  const sets = () => [1, 2, 3].map((id) => governance.maySetTopic(scene.members.get(id)!));
  assertEquals([speaks(), sets()], [[true, true, true], [true, true, false]]);
  scene.does({ action: "silence", member: 2 });
  assertEquals([speaks(), sets()], [[true, false, true], [true, false, false]]);
  scene.does({ action: "unsilence", member: 2 });
  scene.does({ action: "readonly" });
  assertEquals([speaks(), sets()], [[true, true, false], [true, true, false]]);
  // Nothing happens, so nobody is notified.
  assertEquals(scene.does({ action: "unsilence", member: 2 }), { outcome: ACCEPTED });
  for (const key of [HOST, OTHER]) scene.does({ action: "deop", key });
  scene.does({ action: "writable" });
  // Without moderators everybody sets the topic.
  assertEquals(sets(), [true, true, true]);
});

Deno.test("Governance: a saved one goes on; another log begins unlocked and knows no ids", () => {
  const scene = new Scene();
  scene.does({ action: "lock" });
  scene.does({ action: "readonly" });
  scene.does({ action: "ban", member: 3, reason: "spam" });
  const saved = scene.governance.save();
  const again = new Governance();
  again.restore(saved);
  assertEquals(again.save(), saved);
  assertEquals(again.removed("token 3"), "the operator has banned you from this room: spam");
  const next = new Governance();
  next.restore(forNewLog(saved));
  assertEquals(
    [next.isLocked, next.isReadOnly, next.moderators, next.removed("token 3")],
    [false, true, [HOST, OTHER], undefined],
  );
  assert(next.isGiven(HOST) && !next.isGiven(OTHER));
  const [ban] = next.bans;
  assertEquals([ban?.network, ban?.member, ban?.reason], ["192.0.2.3", 0, "spam"]);
});
