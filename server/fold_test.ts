import { assert, assertEquals } from "@std/assert";
import { concat } from "@std/bytes/concat";
import { encodeAway, encodeFrame, Left, Type } from "../protocol.ts";
import { drawToken } from "../protocol/resume.ts";
import { encodeGivenTopic } from "../protocol/topic.ts";
import {
  encodeHaveBody,
  encodeJoin,
  encodeResumeBody,
  encodeSession,
  type Entry,
  Kind,
} from "./entry.ts";
import { type Applied, Fold } from "./fold.ts";
import type { FoldMember } from "./fold_member.ts";

const NOTHING = new Uint8Array(0);
const EMPTY = { connection: 1, member: 0, number: 0, time: 0, bytes: NOTHING };
const utf8 = new TextEncoder();
const KEY = new Uint8Array(64).fill(7);

/** A room, and short ways to apply entries. */
class TestFold {
  readonly fold = new Fold({ name: drawToken() });
  #connections = 0;

  apply(entry: Partial<Entry> & Pick<Entry, "kind">): Applied {
    return this.fold.apply({
      ...EMPTY,
      ...entry,
    });
  }

  seat(): { id: number; connection: number } {
    const connection = ++this.#connections;
    const seat = this.apply({ kind: Kind.SEAT, connection });
    assert(seat.what === "seated");
    return { id: seat.id, connection };
  }

  join({ id, connection } = this.seat(), network = "192.0.2.7"): FoldMember {
    const bytes = encodeJoin({ network, noDirect: false, profile: NOTHING });
    const joined = this.apply({ kind: Kind.JOIN, connection, member: id, bytes });
    assert(joined.what === "joined");
    return joined.member;
  }

  by(member: FoldMember, kind: Kind, more: Partial<Entry> = {}): string {
    const { connection, id } = member;
    return this.apply({ kind, connection, member: id, ...more }).what;
  }

  /** Gives a member a token. */
  renew(member: FoldMember): string {
    const token = drawToken();
    assertEquals(
      this.by(member, Kind.SESSION, { bytes: encodeSession({ token, key: KEY }) }),
      "done",
    );
    return token;
  }

  /** Its client has confirmed WELCOME. */
  confirm(member: FoldMember, position = 0): string {
    return this.by(member, Kind.HAVE, { bytes: encodeHaveBody({ position, isConfirmed: true }) });
  }

  resume(member: FoldMember, token: string, connection: number, network = "192.0.2.7"): string {
    const bytes = encodeResumeBody({ token, room: this.fold.log.end, own: 0, network });
    return this.by(member, Kind.RESUME, { connection, bytes });
  }

  /** Which members these tokens resume. */
  find(...tokens: string[]): (FoldMember | undefined)[] {
    return tokens.map((token) => this.fold.find(token));
  }
}

const SAID = encodeFrame(Type.MESSAGE, 0, Uint8Array.of(1));

Deno.test("Fold: a member takes its reserved seat, once, and only from the connection that reserved it", () => {
  const room = new TestFold();
  const [one, other] = [room.seat(), room.seat()];
  assertEquals([one.id, other.id], [1, 2]);
  const join = (id: number, connection: number) => {
    const bytes = encodeJoin({ network: "", noDirect: false, profile: NOTHING });
    return room.apply({ kind: Kind.JOIN, connection, member: id, bytes }).what;
  };
  assertEquals(join(one.id, other.connection), "nothing");
  assertEquals(join(3, one.connection), "nothing");
  // They join in another order than they have reserved.
  assertEquals([join(2, other.connection), join(1, one.connection)], ["joined", "joined"]);
  assertEquals(join(one.id, one.connection), "nothing");
  assertEquals(Array.from(room.fold.members(), ({ id }) => id), [2, 1]);
});

Deno.test("Fold: a seat that is given up is not used again", () => {
  const room = new TestFold();
  const seat = room.seat();
  assertEquals(room.apply({ kind: Kind.LEAVE, member: seat.id }).what, "done");
  const bytes = encodeJoin({ network: "", noDirect: false, profile: NOTHING });
  const join = room.apply({
    kind: Kind.JOIN,
    connection: seat.connection,
    member: seat.id,
    bytes,
  });
  assertEquals([join.what, room.fold.log.end, room.join().id], ["nothing", 0, 2]);
});

Deno.test("Fold: takes a frame only with the next number, from the member's present connection", () => {
  const room = new TestFold();
  const ada = room.join();
  const say = (more: Partial<Entry>) => room.by(ada, Kind.FRAME, { bytes: SAID, ...more });
  assertEquals([say({ number: 2 }), say({ number: 0 })], ["nothing", "nothing"]);
  assertEquals([say({ number: 1 }), say({ number: 1 }), say({ number: 2 })], [
    "done",
    "nothing",
    "done",
  ]);
  assertEquals(say({ number: 3, connection: 99 }), "nothing");
  assertEquals([ada.accepted, room.fold.said], [2, 2]);
  const token = room.renew(ada);
  room.confirm(ada);
  const before = ada.connection;
  assertEquals(room.resume(ada, token, 50), "done");
  assertEquals(say({ number: 3, connection: before }), "nothing");
  for (const kind of [Kind.AWAY, Kind.LEAVE, Kind.HAVE, Kind.SESSION]) {
    assertEquals(room.by(ada, kind, { connection: before, bytes: new Uint8Array(32) }), "nothing");
  }
  assertEquals(say({ number: 3 }), "done");
});

Deno.test("Fold: a token resumes one member, and stays valid until the next one is confirmed", () => {
  const room = new TestFold();
  const [ada, bob] = [room.join(), room.join()];
  const [first, other] = [room.renew(ada), room.renew(bob)];
  assertEquals(room.find(first, other, ""), [ada, bob, undefined]);
  room.confirm(ada);
  assertEquals(room.resume(ada, first, 10), "done");
  const lost = room.renew(ada);
  assertEquals(room.find(first, lost), [ada, ada]);
  // The WELCOME with the second token was lost: the client uses the first again.
  assertEquals(room.resume(ada, first, 11), "done");
  const second = room.renew(ada);
  assertEquals(room.find(first, lost, second), [ada, undefined, ada]);
  // Or WELCOME arrived, and only HAVE was lost.
  assertEquals(room.resume(ada, second, 12), "done");
  const third = room.renew(ada);
  assertEquals(room.find(first, second, third), [undefined, ada, ada]);
  room.confirm(ada);
  assertEquals(room.find(second, third), [undefined, ada]);
  assertEquals([room.resume(ada, second, 13), room.resume(ada, other, 13)], ["nothing", "nothing"]);
  assertEquals(ada.connection, 12);
  room.by(ada, Kind.LEAVE, { bytes: Uint8Array.of(Left.BYE) });
  assertEquals(room.find(third, other), [undefined, bob]);
});

Deno.test("Fold: a member can resume only after its client has confirmed WELCOME", () => {
  const room = new TestFold();
  const ada = room.join();
  const token = room.renew(ada);
  assertEquals(room.resume(ada, token, 10), "nothing");
  // What its server has seen on the way says nothing about WELCOME.
  const bytes = encodeHaveBody({ position: 0, isConfirmed: false });
  assertEquals([room.by(ada, Kind.HAVE, { bytes }), ada.lasting], ["done", false]);
  assertEquals([room.confirm(ada), ada.lasting], ["done", true]);
  assertEquals([room.confirm(ada, 1), room.resume(ada, token, 10)], ["nothing", "done"]);
});

Deno.test("Fold.from: counts the members of a network, also after they have moved or left", () => {
  const room = new TestFold();
  const ada = room.join();
  room.join(room.seat(), "198.51.100.1");
  const token = room.renew(ada);
  room.confirm(ada);
  const networks = () => ["192.0.2.7", "198.51.100.1"].map((network) => room.fold.from(network));
  assertEquals(networks(), [1, 1]);
  room.resume(ada, token, 10, "198.51.100.1");
  assertEquals(networks(), [0, 2]);
  room.by(ada, Kind.LEAVE, { bytes: Uint8Array.of(Left.LOST) });
  assertEquals(networks(), [0, 1]);
});

Deno.test("Fold: a member is away since its entry, until it resumes; a newcomer's list has the time", () => {
  const room = new TestFold();
  const ada = room.join();
  const token = room.renew(ada);
  room.confirm(ada);
  const away = (time: number) => {
    room.by(ada, Kind.AWAY, { time });
    return ada.awaySince;
  };
  assertEquals([away(2 ** 41), away(2 ** 42)], [2 ** 41, 2 ** 41]);
  const bytes = encodeJoin({ network: "", noDirect: false, profile: NOTHING });
  const { id, connection } = room.seat();
  const joined = room.apply({ kind: Kind.JOIN, connection, member: id, bytes });
  assert(joined.what === "joined");
  const listed = concat([encodeFrame(Type.MEMBER, ada.id), encodeAway(ada.id, 2 ** 41)]);
  assertEquals(joined.list(), listed);
  assertEquals(room.resume(ada, token, 10), "done");
  assertEquals(ada.awaySince, undefined);
  // The clock was set back: the time of an entry is the latest so far.
  assertEquals(away(7), 2 ** 42);
  assertEquals(Fold.restore(room.fold.save()).member(ada.id)!.awaySince, 2 ** 42);
});

Deno.test("Fold: a newcomer receives the newest topic before the list, with the profile that its member had then", () => {
  const room = new TestFold();
  const profile = (name: string) => encodeFrame(Type.PROFILE, 0, utf8.encode(name));
  const topic = (text: string) => encodeFrame(Type.TOPIC, 0, utf8.encode(text));
  const list = (fold: Fold) => {
    const { id, connection } = room.seat();
    if (fold !== room.fold) fold.apply({ ...EMPTY, kind: Kind.SEAT, connection });
    const bytes = encodeJoin({ network: "", noDirect: false, profile: NOTHING });
    const joined = fold.apply({ ...EMPTY, kind: Kind.JOIN, connection, member: id, bytes });
    assert(joined.what === "joined");
    return joined.list();
  };
  const ada = room.join();
  const by = (number: number, bytes: Uint8Array) =>
    assertEquals(room.by(ada, Kind.FRAME, { number, bytes }), "done");
  by(1, profile("ada"));
  by(2, topic("one"));
  by(3, topic("two"));
  by(4, profile("grace"));
  assertEquals(room.fold.said, 0);
  const given = encodeGivenTopic(ada.id, {
    profile: utf8.encode("ada"),
    topic: utf8.encode("two"),
  });
  assertEquals(list(room.fold), given);
  assertEquals(room.by(ada, Kind.FRAME, { number: 4, bytes: topic("repeated") }), "nothing");
  room.by(ada, Kind.LEAVE, { bytes: Uint8Array.of(Left.BYE) });
  assertEquals(list(room.fold), given);
  assertEquals(list(Fold.restore(room.fold.save())), given);
});

Deno.test("Fold: its time never goes back", () => {
  const room = new TestFold();
  const times = [5, 3, 8].map((time) => {
    room.apply({ kind: Kind.SEAT, time });
    return room.fold.time;
  });
  assertEquals(times, [5, 5, 8]);
});

Deno.test("Fold: ten thousand members that resume and leave leave nothing", () => {
  const room = new TestFold();
  const empty = JSON.stringify(room.fold.save()).length;
  for (let i = 0; i < 10_000; i++) {
    const member = room.join();
    const token = room.renew(member);
    room.confirm(member);
    room.resume(member, token, 1_000_000 + i);
    room.renew(member);
    room.by(member, Kind.LEAVE, { bytes: Uint8Array.of(Left.BYE) });
  }
  const saved = { ...room.fold.save(), log: new TestFold().fold.log.save() };
  assertEquals([room.fold.size, saved.members, saved.seats], [0, [], []]);
  assertEquals(JSON.stringify(saved).length - empty, String(10_000).length - 1);
});
