import { assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import { comparison, fingerprint, Identity } from "../cipher/identity.ts";
import { KnownNames, MAX_NAMES_PER_KEY } from "../cipher/known_names.ts";
import { ChatError, ProtocolError } from "../errors.ts";
import { EventLog, OpenCipher, openSession, OWN_ID } from "../tests/support/offline_client.ts";
import { isSamePeer, Members } from "./members.ts";

const [SELF, ADA, EVE] = [Identity.generate(), Identity.generate(), Identity.generate()];

/** The members of a sealed room, in which ids 1 and 2 are Ada and Eve; or of an xor room. */
function open(cipher: "sealed" | "xor", knownNames = new KnownNames()) {
  const keys = { [OWN_ID]: SELF.publicKey, 1: ADA.publicKey, 2: EVE.publicKey };
  const { session } = openSession({}, new OpenCipher(cipher === "sealed" ? keys : undefined));
  const log = new EventLog();
  const self = cipher === "sealed" ? { identity: SELF, knownNames } : undefined;
  const members = new Members(self, session, "guest", log.add);
  const meet = (id: number, name: string) => members.meet(id, () => ({ name }));
  return { members, log, knownNames, session, meet };
}

Deno.test("isSamePeer: compares keys, and names only if neither has a key", () => {
  const peer = (name?: string, key?: string) => ({ name, key });
  assertEquals(isSamePeer(peer("ada", "1"), peer("lovelace", "1")), true);
  assertEquals(isSamePeer(peer("ada", "1"), peer("ada", "2")), false);
  assertEquals(isSamePeer(peer("ada", "1"), peer("ada")), false);
  assertEquals(isSamePeer(peer("ada"), peer("ada")), true);
  assertEquals(isSamePeer(peer(), peer()), false);
});

Deno.test("Members.meet: adds a member under its name, or under its id if its profile cannot be read", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  assertStrictEquals(members.meet(2, () => undefined).profile, undefined);
  assertEquals(members.roster.people().map(({ name }) => name), ["guest", "ada", "#2"]);
  assertEquals(members.others.map(({ id }) => id), [1, 2]);
});

Deno.test("Members.meet: refuses a member that is here already, and reads no profile of it", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  const read = () => {
    throw new TypeError("read");
  };
  assertThrows(() => members.meet(1, read), ProtocolError, "here already");
});

Deno.test("Members: reports a known name with another key once, and not again under the same name", () => {
  const knownNames = new KnownNames();
  knownNames.meet("ada", SELF.publicKey, "2026-01-01");
  const { members, log, meet } = open("sealed", knownNames);
  meet(1, "ada");
  assertEquals(log.events, [{
    type: "keychanged",
    who: {
      id: 1,
      name: "ada(!)",
      self: false,
      away: false,
      key: fingerprint(ADA.publicKey),
      trust: "changed",
    },
  }]);
  members.setName(1, "ada");
  assertEquals(log.events.length, 1);
});

Deno.test("Members: another session of this user is not reported, even if somebody else had the name once", () => {
  const knownNames = new KnownNames();
  knownNames.meet("guest", ADA.publicKey, "2026-01-01");
  const { session } = openSession({}, new OpenCipher({ 1: SELF.publicKey, 2: EVE.publicKey }));
  const log = new EventLog();
  const members = new Members({ identity: SELF, knownNames }, session, "guest", log.add);
  members.meet(1, () => ({ name: "guest" }));
  assertEquals([members.roster.person(1).name, members.roster.person(1).trust], ["guest#1", "new"]);
  assertEquals(log.types, []);
  members.meet(2, () => ({ name: "guest" }));
  assertEquals(log.types, ["keychanged"]);
});

Deno.test("Members: trust says what is known of each key, and follows names and what the user says", () => {
  const before = new KnownNames();
  before.meet("ada", ADA.publicKey, "2026-01-01");
  const { members, meet } = open("sealed", new KnownNames(before.toString()));
  const trust = (id: number) => members.roster.person(id).trust;
  meet(1, "ada");
  assertEquals([trust(OWN_ID), trust(1)], [undefined, "known"]);
  // A key is known only under its name.
  members.setName(1, "lovelace");
  assertEquals(trust(1), "new");
  members.trust(1);
  assertEquals(trust(1), "trusted");
  members.verify(1);
  assertEquals(trust(1), "verified");
  members.setName(1, "ada");
  assertEquals(trust(1), "known");
});

Deno.test("Members: nobody has trust where nothing proves who they are", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  assertEquals(members.roster.people().map(({ trust }) => trust), [undefined, undefined]);
});

Deno.test("Members: a name that looks like a known one is marked and has an id, until the user trusts it", () => {
  const knownNames = new KnownNames();
  knownNames.meet("alice", ADA.publicKey, "2026-01-01");
  const { members, log, meet } = open("sealed", knownNames);
  meet(2, "a1ice");
  const names = () => members.others.map(({ name }) => name);
  assertEquals([log.events, names()], [
    [{ type: "keychanged", who: members.roster.person(2), like: "alice" }],
    ["a1ice#2(!)"],
  ]);
  assertEquals(members.find("a1ice", "trust").id, 2);
  assertThrows(() => members.find("alice", "send to"), ChatError, "no member has that name");
  // The true one: both have their ids, and one name finds one of them.
  meet(1, "Alice");
  assertEquals([log.types, names()], [["keychanged"], ["a1ice#2(!)", "Alice#1"]]);
  assertEquals(["a1ice", "Alice"].map((name) => members.find(name, "send to").id), [2, 1]);
  members.trust("a1ice");
  assertEquals(names(), ["a1ice#2", "Alice#1"]);
});

Deno.test("Members: in xor rooms, members whose names look alike have their ids", () => {
  const { members, meet } = open("xor");
  meet(1, "alice");
  meet(2, "\u0430lice");
  meet(3, "Guest");
  assertEquals(members.roster.people().map(({ name }) => name), [
    `guest#${OWN_ID}`,
    "alice#1",
    "\u0430lice#2",
    "Guest#3",
  ]);
});

Deno.test("Members: a member that takes one known name after the other is reported for each", () => {
  const knownNames = new KnownNames();
  for (const name of ["ada", "bob"]) knownNames.meet(name, ADA.publicKey, "2026-01-01");
  const { members, log, meet } = open("sealed", knownNames);
  meet(2, "ada");
  members.setName(2, "bob");
  assertEquals(log.events.map((event) => event.type === "keychanged" && event.who.name), [
    ...["ada(!)", "bob(!)"],
  ]);
});

Deno.test("Members.trust: adds a member's key to those of its name, and reports others that are not remembered", () => {
  const { members, log, knownNames, meet } = open("sealed");
  meet(1, "ada");
  assertEquals(log.events, []);
  meet(2, "ada");
  assertEquals(log.types, ["keychanged"]);
  const names = () => members.roster.people().map(({ name }) => name);
  assertEquals(names(), ["guest", "ada#1", "ada#2(!)"]);
  members.trust("ada#2");
  assertEquals([log.types, names()], [["keychanged"], ["guest", "ada#1", "ada#2"]]);
  const compare = (publicKey: Uint8Array) => knownNames.meet("ada", publicKey, "2026-01-31");
  assertEquals([ADA, EVE].map((profile) => compare(profile.publicKey)), ["known", "known"]);
});

Deno.test("Members.verify: marks the member as verified under this name alone, and trusts its key", () => {
  const knownNames = new KnownNames();
  knownNames.meet("ada", SELF.publicKey, "2026-01-01");
  const { members, log, session, meet } = open("sealed", knownNames);
  meet(1, "ada");
  meet(2, "eve");
  assertEquals([members.roster.person(1).name, log.types], ["ada(!)", ["keychanged"]]);
  members.verify("ada");
  const today = new Date().toISOString().slice(0, 10);
  const shown = () => members.roster.people().map(({ name, verified }) => [name, verified]);
  assertEquals(shown().slice(1), [["ada", today], ["eve", undefined]]);
  members.setName(1, "ben");
  members.setName(2, "ada");
  assertEquals(shown().slice(1), [["ben", undefined], ["ada(!)", undefined]]);
  // In the next session, and in the next run.
  members.renew(session, "guest");
  meet(1, "ada");
  assertEquals(shown()[1], ["ada", today]);
  const next = open("sealed", new KnownNames(knownNames.toString()));
  next.meet(1, "ada");
  assertEquals(next.members.roster.person(1).verified, today);
});

Deno.test("Members.trust: marks others of a name that was not remembered, because their key has too many", () => {
  const { members, log, meet } = open("sealed");
  meet(1, "ada");
  for (let n = 1; n <= MAX_NAMES_PER_KEY; n++) members.setName(1, `ada${n}`);
  meet(2, `ada${MAX_NAMES_PER_KEY}`);
  members.setName(1, `ada${MAX_NAMES_PER_KEY}`);
  assertEquals(log.types, ["keychanged"]);
  members.setName(1, "eve");
  assertEquals(members.roster.person(1).name, "eve");
  members.setName(2, "eve");
  assertEquals(log.types, ["keychanged"]);
  members.trust("eve#2");
  assertEquals(members.roster.people().map(({ name }) => name), ["guest", "eve#1(!)", "eve#2"]);
});

Deno.test("Members.trust, Members.compare: refuse members without a key, oneself, and xor rooms", () => {
  const sealed = open("sealed");
  sealed.meet(9, "keyless");
  assertThrows(() => sealed.members.trust("keyless"), ChatError, "there is no key to trust");
  assertThrows(() => sealed.members.verify("keyless"), ChatError, "there is no key to verify");
  assertThrows(() => sealed.members.compare("keyless"), ChatError, "nothing proves who that is");
  assertThrows(() => sealed.members.compare("guest"), ChatError, "that is you");
  const xor = open("xor");
  xor.meet(1, "ada");
  assertThrows(() => xor.members.trust("ada"), ChatError, "there is no key to trust");
  assertThrows(() => xor.members.compare("ada"), ChatError, "none in a room with xor");
});

Deno.test("Members.compare: gives the words for this user's own key and the other's", () => {
  const { members, meet } = open("sealed");
  meet(1, "ada");
  assertEquals(members.compare("ada"), comparison(SELF.publicKey, ADA.publicKey));
});

Deno.test("Members.find: names the action and the candidates if it finds no member, or several", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  meet(2, "ada");
  assertEquals(members.find("ada#2", "trust").id, 2);
  assertEquals(members.find(1, "trust").id, 1);
  assertThrows(() => members.find("\x1b", "trust"), ChatError, 'Cannot trust "␛": no member');
  assertThrows(() => members.find(99, "trust"), ChatError, "Cannot trust a member with the id 99");
  const error = assertThrows(() => members.find("ada", "send to"), ChatError);
  assertEquals([error.message, error.refusal, error.hint], [
    'Cannot send to "ada": several members have that name',
    "several",
    "Say which: ada#1, ada#2",
  ]);
});

Deno.test("Members.findReceiver: finds nobody who cannot receive it, and never this client itself", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  members.meet(2, () => ({ name: "52680", classic: true as const }));
  for (
    const [who, refusal] of [["guest", "self"], [OWN_ID, "self"], ["52680", "classic"]] as const
  ) {
    for (const what of ["message", "file"] as const) {
      const error = assertThrows(() => members.findReceiver(who, what), ChatError);
      assertEquals(error.refusal, refusal);
    }
  }
  // Somebody else with the name of this client, such as the same user in another window.
  meet(3, "guest");
  assertEquals(members.findReceiver("guest").id, 3);
  meet(4, "guest");
  const error = assertThrows(() => members.findReceiver("guest"), ChatError);
  assertEquals(error.hint, "Say which: guest#3, guest#4");
});

Deno.test("Members.whois: has the words, the day and the time, as far as they are known", () => {
  const { members, meet, knownNames } = open("sealed");
  meet(1, "ada");
  const listed = members.whois("ada");
  assertEquals([listed.member.id, listed.joined, listed.sessions], [1, undefined, []]);
  assertEquals(listed.words, members.compare("ada"));
  assertEquals(listed.firstSeen, knownNames.firstSeen("ada", ADA.publicKey));
  assertMatch(listed.firstSeen!, /^\d{4}-\d\d-\d\d$/);
  const joined = new Date("2026-01-02T12:00:00Z");
  meet(2, "eve");
  members.joined(2, joined);
  assertEquals(members.whois(2).joined, joined);
  const own = members.whois("guest");
  assertEquals([own.member.self, own.words, own.firstSeen], [true, undefined, undefined]);
  assertThrows(() => members.whois("nemo"), ChatError, 'Cannot look up "nemo"');
  // Without keys, nothing is known but the time.
  const xor = open("xor");
  xor.meet(1, "ada");
  const { words, firstSeen, sessions } = xor.members.whois("ada");
  assertEquals([words, firstSeen, sessions], [undefined, undefined, []]);
});

Deno.test("Members.findReceiver: a name with another key is meant only with its mark, or by its id", () => {
  const before = new KnownNames();
  before.meet("ada", SELF.publicKey, "2026-01-01");
  const { members, meet } = open("sealed", before);
  meet(1, "ada");
  meet(2, "eve");
  const refused = (who: string) => {
    const error = assertThrows(() => members.findReceiver(who), ChatError);
    return [error.message, error.refusal, error.about];
  };
  assertEquals(refused("ada"), [
    "Cannot send to ada: this is not the key that you know under that name",
    "keychanged",
    "ada",
  ]);
  for (const who of ["ada(!)", "#1", 1]) assertEquals(members.findReceiver(who).id, 1);
  assertEquals(members.findReceiver("eve").id, 2);
  // Two with one name: the id in the name is not enough.
  members.setName(2, "ada");
  assertThrows(() => members.findReceiver("ada"), ChatError, "several members have that name");
  assertEquals(refused("ada#2")[0]!.slice(0, 20), "Cannot send to ada#2");
  assertEquals(members.findReceiver("ada#2(!)").id, 2);
  members.trust("ada#2");
  assertEquals(members.findReceiver("ada#2").id, 2);
});

Deno.test("Members.peerKeyOf: is the key in sealed rooms, and the name in xor rooms", () => {
  const sealed = open("sealed");
  sealed.meet(1, "ada");
  sealed.meet(9, "keyless");
  assertEquals(sealed.members.peerKeyOf(1), ADA.publicKey.toHex());
  assertStrictEquals(sealed.members.peerKeyOf(9), undefined);
  const xor = open("xor");
  xor.meet(1, "ada");
  assertEquals([xor.members.peerKeyOf(1), xor.members.peerKeyOf(9)], ["ada", undefined]);
});

Deno.test("Members.findPeer: finds one member, and none if several fit or it is this client", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  meet(2, "guest");
  assertEquals(members.findPeer(members.peerIdOf(1))?.id, 1);
  assertEquals(members.findPeer({ name: "guest", key: undefined })?.id, 2);
  meet(3, "ada");
  assertStrictEquals(members.findPeer({ name: "ada", key: undefined }), undefined);
});

Deno.test("Members.findByPeerKey: of two with one key it prefers the member that is connected", () => {
  const { members, meet } = open("xor");
  meet(1, "ada");
  members.roster.setAway(1, 0);
  assertEquals(members.findByPeerKey("ada"), 1);
  meet(2, "ada");
  assertEquals(members.findByPeerKey("ada"), 2);
  meet(3, "ada");
  assertStrictEquals(members.findByPeerKey("ada"), undefined);
  assertStrictEquals(members.findByPeerKey("nobody"), undefined);
});

Deno.test("Members.isKnown: is true for keys that the file had under this name, and for nothing else", () => {
  const before = new KnownNames();
  before.meet("ada", ADA.publicKey, "2026-01-01");
  before.meet("zoe", SELF.publicKey, "2026-01-01");
  const { members, session, meet } = open("sealed", new KnownNames(before.toString()));
  const known = () => [1, 2, 9].map((id) => members.isKnown(id));
  meet(1, "ada");
  meet(2, "eve");
  meet(9, "keyless");
  assertEquals(known(), [true, false, false]);
  // A known name with another key; a name that looks like one; the name of a known member who is here; a new name.
  for (const name of ["zoe", "\u0430da", "ada", "eve2", "eve"]) {
    members.setName(2, name);
    assertEquals(known(), [true, false, false], name);
  }
  // A known key under a name that it had not.
  members.setName(1, "eda");
  assertEquals(known(), [false, false, false]);
  members.setName(1, "zoe");
  assertEquals([members.roster.person(1).name, ...known()], ["zoe(!)", false, false, false]);
  members.setName(1, "ada");
  assertEquals(known(), [true, false, false]);
  // Who was met in this run stays new, in each of its sessions.
  members.renew(session, "guest");
  meet(1, "eda");
  meet(2, "eve");
  assertEquals(known(), [false, false, false]);
});

Deno.test("Members.isKnown: is false for a member that has proved a known key, but has no valid name", () => {
  const before = new KnownNames();
  before.meet("eve", EVE.publicKey, "2026-01-01");
  const { members } = open("sealed", new KnownNames(before.toString()));
  members.meet(2, () => undefined);
  assertEquals(members.isKnown(2), false);
  members.setName(2, "eve");
  assertEquals(members.isKnown(2), true);
});

Deno.test("Members.isKnown: is true once the user has trusted or verified the key", () => {
  const { members, meet } = open("sealed");
  meet(1, "ada");
  meet(2, "eve");
  members.trust("ada");
  members.verify("eve");
  assertEquals([1, 2].map((id) => members.isKnown(id)), [true, true]);
});

Deno.test("Members.renew: starts with this client alone", () => {
  const { members, session, meet } = open("sealed");
  meet(1, "ada");
  members.renew(session, "host");
  assertEquals(members.roster.people().map(({ name }) => name), ["host"]);
});
