"""Makes the vectors of the sealed cipher, of exported identities, of the chain, and of the frames that depend on them:
data/sealed_*.txt, data/identity_export.txt, data/chain_*.txt and a part of data/frame_*.txt.

A second implementation, in another language: it shares no code with the program and follows docs/security.md and
docs/protocol.md alone. It checks nothing: the tests beside it do. It needs the Python package `cryptography`.

    python3 tests/vectors/make_vectors.py    writes the files; the same bytes each time
"""

import base64
import hashlib
import hmac
import json
import pathlib
import unicodedata

from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

DATA = pathlib.Path(__file__).parent / "data"

u8, u32, u64 = (lambda value, size=size: value.to_bytes(size, "big") for size in (1, 4, 8))


def run(first, count):
    """`count` bytes: first, first + 1 and so on."""
    return bytes(first + i for i in range(count))


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


# ---- docs/protocol.md: frames and the chain ----

TYPES = {
    "GREETING": 1, "HELLO": 2, "WELCOME": 3, "MESSAGE": 4, "ACK": 6, "PROFILE": 7, "JOINED": 8,
    "LEFT": 9, "ERROR": 14,
    "HAVE": 16, "AWAY": 17, "SEAT": 19, "GRANT": 20, "DATA": 21, "MODERATE": 22, "NOTICE": 23,
    "TOPIC": 24, "BANS": 25,
    "(none)": 26,
}  # fmt: skip


def frame(kind, member, body):
    return u32(5 + len(body)) + u8(TYPES[kind]) + u32(member) + body


def chain_values(name, frames):
    """The chain at every boundary of a log: {position: value}."""
    digest = lambda data: hashlib.sha256(data).digest()
    position, restart = 0, 0
    link, since = digest(b"chat/1 log" + name), b""
    values = {0: link}
    for one in frames:
        is_joined = one[4] == TYPES["JOINED"]
        if position > restart and (is_joined or position - restart >= 64 * 1024):
            link, since, restart = digest(link + since), b"", position
        since += one
        position += len(one)
        values[position] = digest(link + since)
    return values


def moderate_signed(session_key, log, member, nonce, number, text):
    """What a moderator signs."""
    parts = [b"chat/1 moderate", hashlib.sha256(session_key).digest(), log, u32(member), nonce, u32(number), text]
    return b"".join(parts)


def resume_proof(key, nonce, token, room, own, chain):
    claim = b"chat/1 resume" + nonce + token + u64(room) + u64(own) + chain
    return hmac.new(key, claim, "sha256").digest()


# ---- docs/security.md: keys and bodies ----

EXPORT = run(0, 64)
LOG = run(0x40, 16)
TIME = 1769860800000
USES = {"room": 0, "direct": 1, "profile": 2, "data": 3, "topic": 4}


def hkdf(secret, salt, info):
    return HKDF(algorithm=SHA256(), length=32, salt=salt, info=info).derive(secret)


class Member:
    def __init__(self, member, byte, *, salt=None, exchange=None, log=LOG, export=EXPORT, identity=None):
        self.id, self.log, self.export = member, log, export
        self.seed = bytes([byte] * 32)
        self.salt = run(byte, 16) if salt is None else salt
        self.private = bytes([byte + 1] * 32) if exchange is None else exchange
        self.signing = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        self.agreeing = x25519.X25519PrivateKey.from_private_bytes(self.private)
        self.identity = self.signing.public_key().public_bytes_raw() if identity is None else identity
        self.exchange = self.agreeing.public_key().public_bytes_raw()

    @property
    def keys(self):
        return self.identity + self.exchange

    @property
    def room_id(self):
        return hkdf(self.export, b"", b"chat/1 room id")

    def lane(self, use, other=None):
        """The ends of a lane, and its key."""
        if use in ("direct", "data"):
            pairs = [(m.id, m.identity, m.salt, m.exchange) for m in (self, other)]
            (i, a, s, x), (j, b, t, y) = pairs
            ends = self.log + u32(i) + u32(j) + a + b + s + t + x + y
            public = x25519.X25519PublicKey.from_public_bytes(other.exchange)
            secret = self.export + self.agreeing.exchange(public)
        else:
            ends = self.log + u32(self.id) + self.salt + (b"" if use == "profile" else self.identity)
            secret = self.export
        return ends, hkdf(secret, self.salt, b"chat/1 " + use.encode() + ends)

    def seal(self, use, content, *, counter=0, to=None, time=TIME, report=None, signer=None, signed=None,
             signed_room=None, signature=None, keys=None, sealed_keys=None, sealed_counter=None):  # fmt: skip
        """The body. The options after `report` make bodies that a receiver must refuse."""
        ends, key = self.lane(use, to)
        associated = b"chat/1" + u8(USES[use]) + ends
        if use == "data":  # not signed
            return u64(counter) + ChaCha20Poly1305(key).encrypt(bytes(4) + u64(counter), content, associated)
        keys = b"" if use != "profile" else self.keys if keys is None else keys
        rest = u64(time) + (b"" if use == "direct" else report) + content
        if signed is None:
            signed = b"chat/1 signed" + (signed_room or self.room_id) + associated + u64(counter) + keys + rest
        if signature is None:
            signature = (signer or self).signing.sign(signed)
        counter = counter if sealed_counter is None else sealed_counter
        plain = (sealed_keys or keys) + signature + rest
        sealed = ChaCha20Poly1305(key).encrypt(bytes(4) + u64(counter), plain, associated)
        return (self.salt if use == "profile" else b"") + u64(counter) + sealed


# ---- files ----


def rows(data, comment="", size=16):
    """Rows of hex, the first with a comment; or each with one, from a function."""
    lines = []
    for at in range(0, len(data), size):
        row = data[at : at + size]
        note = comment(row) if callable(comment) else comment if at == 0 else ""
        lines.append(f"{row.hex(' '):48} # {note}" if note else row.hex(" "))
    return lines


def write(name, about, expect, fields, lines):
    header = [("about", about), ("expect", expect), *fields]
    text = "".join(f"{key}: {value}\n" for key, value in header)
    (DATA / name).write_text(text + "\n" + "".join(f"{line}\n" for line in lines))


def quote(text):
    return json.dumps(text, ensure_ascii=False)


def compact(value):
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def text_of(row):
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)


def frame_lines(kind, member, body, body_lines):
    number = TYPES[kind]
    name = "there is none" if kind == "(none)" else kind
    head = [(u32(5 + len(body)), f"length: {5 + len(body)}"), (u8(number), f"type: {name}"),
            (u32(member), f"id: {member}")]  # fmt: skip
    return [f"{data.hex(' '):48} # {note}" for data, note in head] + body_lines


def write_json(name, about, kind, member, value, fields=(), expect="ok"):
    body = compact(value).encode()
    meaning = [("type", kind), ("id", member), *fields] if expect == "ok" else fields
    write(name, about, expect, meaning, frame_lines(kind, member, body, rows(body, text_of)))


def write_xor_profile(name, about, kind, member, text):
    plain = compact({"name": text}).encode()
    body = bytes(byte ^ 188 for byte in plain)
    lines = rows(body, lambda row: f"{bytes(byte ^ 188 for byte in row).decode()} XOR bc")
    fields = [("type", kind), ("id", member), ("public-key", 198), ("name", quote(text))]
    write(name, about, "ok", fields, frame_lines(kind, member, body, lines))


# ---- the members, and the log in which they meet ----

ADA = Member(1, 0xA0)
BOB = Member(2, 0xB0)
EVE = Member(3, 0xE0)

log_frames = []


def report_now():
    position = sum(len(one) for one in log_frames)
    return u64(position) + chain_values(LOG, log_frames)[position][:16]


def say(kind, member, body):
    log_frames.append(frame(kind, member, body))
    return body


REPORT_ADA = report_now()
PROFILE_ADA = say("JOINED", 1, ADA.seal("profile", b'{"name":"Ada"}', report=REPORT_ADA))
REPORT_BOB = report_now()
PROFILE_BOB = say("JOINED", 2, BOB.seal("profile", b'{"name":"Bob"}', report=REPORT_BOB))
REPORT = report_now()
ROOM = say("MESSAGE", 1, ADA.seal("room", b"TSo it starts!", report=REPORT))
REPORT_EVE = report_now()
PROFILE_EVE = say("JOINED", 3, EVE.seal("profile", b'{"name":"Eve"}', report=REPORT_EVE))
REPORT_RENAMED = report_now()
RENAMED = say("PROFILE", 1, ADA.seal("profile", b'{"name":"Grace"}', counter=1, report=REPORT_RENAMED))
CHAIN = chain_values(LOG, log_frames)


# ---- data/sealed_*.txt ----


def body_lines(use, body, tag=True):
    salt, rest = (body[:16], body[16:]) if use == "profile" else (b"", body)
    lines = rows(salt, "salt")
    if len(rest) < 8 + 16:
        return lines + rows(rest)
    lines += [f"{rest[:8].hex(' '):48} # counter: {int.from_bytes(rest[:8], 'big')}"]
    inside = {
        "profile": "keys, signature, time, report, profile",
        "room": "signature, time, report, envelope",
        "topic": "signature, time, report, topic",
        "direct": "signature, time, envelope",
        "data": "chunks of files",
    }
    lines += rows(rest[8:-16], f"sealed: {inside[use]}")
    return lines + rows(rest[-16:], "tag" if tag else "")


def secrets(role, member):
    return [(f"{role}-id", member.id), (f"{role}-seed", member.seed.hex()), (f"{role}-salt", member.salt.hex()),
            (f"{role}-exchange", member.private.hex())]  # fmt: skip


def write_ok(name, about, use, body, content, *, sender=ADA, receiver=BOB, after="", counter=0, missing=0, report=None):
    fields = [("use", use), ("from", sender.id)]
    fields += [("after", after)] if after else []
    fields += [("export-key", EXPORT.hex()), ("log", LOG.hex())]
    fields += secrets("sender", sender) + secrets("receiver", receiver)
    fields += [("time", TIME), ("counter", counter)]
    if report is not None:
        fields += [("position", int.from_bytes(report[:8], "big")), ("chain", report[8:].hex())]
    fields += [("content", quote(content)), ("missing", missing)]
    write(f"sealed_{name}.txt", about, "ok", fields, body_lines(use, body))


def write_fail(name, about, expect, use, body, *, sender=1, receiver=BOB, after="sealed_profile.txt", left="", of="",
               tag=True):  # fmt: skip
    fields = [("use", use), ("from", sender)]
    fields += [("after", after)] if after else []
    fields += [("left", left)] if left else []
    fields += [("of", of)] if of else []
    fields += [("export-key", EXPORT.hex()), ("log", LOG.hex())] + secrets("receiver", receiver)
    write(f"sealed_fail_{name}.txt", about, expect, fields, body_lines(use, body, tag))


def flip(body, at):
    return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def write_sealed():
    fields = [("export-key", EXPORT.hex()), ("log", LOG.hex())] + secrets("sender", ADA) + secrets("receiver", BOB)
    keys = [
        (ADA.room_id, "room id"),
        (ADA.identity, "Ada's identity, public"),
        (ADA.exchange, "Ada's exchange key, public"),
        (ADA.lane("profile")[1], "key of her profiles"),
        (ADA.lane("room")[1], "key of her messages to the room"),
        (ADA.lane("topic")[1], "key of the topics that she sets"),
        (ADA.agreeing.exchange(BOB.agreeing.public_key()), "secret that she shares with Bob"),
        (ADA.lane("direct", BOB)[1], "key of her direct messages to Bob"),
        (ADA.lane("data", BOB)[1], "key of the file data that she sends to Bob"),
    ]
    lines = [line for key, note in keys for line in rows(key, note)]
    about = "All keys that are derived from the export key for Ada's session, and for what she sends to Bob alone."
    write("sealed_keys.txt", about, "ok", fields, lines)

    with_ada = "sealed_profile.txt"
    write_ok("profile", "Ada's profile, as PROFILE, JOINED and MEMBER carry it.", "profile", PROFILE_ADA,
             '{"name":"Ada"}', report=REPORT_ADA)  # fmt: skip
    write_ok("profile_bob", "Bob's profile, as Ada receives it.", "profile", PROFILE_BOB, '{"name":"Bob"}',
             sender=BOB, receiver=ADA, report=REPORT_BOB)  # fmt: skip
    write_ok("profile_eve", "Eve's profile.", "profile", PROFILE_EVE, '{"name":"Eve"}', sender=EVE,
             report=REPORT_EVE)  # fmt: skip
    write_ok("profile_renamed", "Ada has changed her name: the same session, the next counter.", "profile", RENAMED,
             '{"name":"Grace"}', after=with_ada, counter=1, report=REPORT_RENAMED)  # fmt: skip
    copier = Member(3, 0xE0, salt=ADA.salt)
    write_ok("profile_copied_salt", "Eve has copied Ada's salt. Her seat is another one, so her keys are, too.",
             "profile", copier.seal("profile", b'{"name":"Eve"}', report=REPORT_EVE), '{"name":"Eve"}',
             sender=copier, after=with_ada, report=REPORT_EVE)  # fmt: skip
    write_ok("room", "Ada's first message to the room.", "room", ROOM, "TSo it starts!", after=with_ada, report=REPORT)
    write_ok("room_empty", "An empty envelope: sealing does not check the content.", "room",
             ADA.seal("room", b"", report=REPORT), "", after=with_ada, report=REPORT)  # fmt: skip
    scripts = "TGrüße, 你好 🙂"
    late = ADA.seal("room", scripts.encode(), counter=300, report=REPORT)
    write_ok("room_missing", "The 301st message, without the 300 before it.", "room", late, scripts, after=with_ada,
             counter=300, missing=300, report=REPORT)  # fmt: skip
    topic = ADA.seal("topic", b"Release on Friday", report=REPORT)
    write_ok("topic", "The topic that Ada has set.", "topic", topic, "Release on Friday", after=with_ada, report=REPORT)
    later = ADA.seal("topic", b"", counter=1, report=REPORT)
    write_ok("topic_removed", "An empty topic: Ada has removed it.", "topic", later, "",
             after=with_ada + " sealed_topic.txt", counter=1, report=REPORT)  # fmt: skip
    direct = ADA.seal("direct", b"TCoffee?", to=BOB)
    write_ok("direct", "Ada's direct message to Bob.", "direct", direct, "TCoffee?", after=with_ada)
    write_ok("direct_back", "Bob's direct message to Ada: another direction, another key.", "direct",
             BOB.seal("direct", b"TYep!", to=ADA), "TYep!", sender=BOB, receiver=ADA,
             after="sealed_profile_bob.txt")  # fmt: skip

    data = ADA.seal("data", b"a part of a file", to=BOB)
    write_ok("data", "File data from Ada to Bob: it has no signature.", "data", data, "a part of a file", after=with_ada)
    write_ok("data_skipped", "File data after some that was lost: its counter may skip.", "data",
             ADA.seal("data", b"a later part", to=BOB, counter=7), "a later part", after=with_ada, counter=7)  # fmt: skip

    of_room, of_profile, of_renamed = "sealed_room.txt", "sealed_profile.txt", "sealed_profile_renamed.txt"
    other_room = Member(1, 0xA0, export=run(0x80, 64))
    content = b"TSo it starts!"
    # Changed on the way.
    write_fail("flipped_text", "One bit of the sealed text is flipped.", "tampered", "room", flip(ROOM, 90), of=of_room)
    write_fail("flipped_tag", "One bit of the tag is flipped.", "tampered", "room", flip(ROOM, len(ROOM) - 1),
               of=of_room)  # fmt: skip
    write_fail("flipped_counter", "One bit of the counter is flipped. The counter is the nonce, so the tag is wrong.",
               "tampered", "room", flip(ROOM, 7), of=of_room)  # fmt: skip
    write_fail("cut", "The last byte is cut off.", "tampered", "room", ROOM[:-1], of=of_room, tag=False)
    write_fail("short", "A message that ends within its tag, so it cannot be checked.", "short", "room", ROOM[:23],
               of=of_room)  # fmt: skip
    write_fail("short_salt", "A profile that ends within its salt.", "short", "profile", PROFILE_ADA[:15],
               of=of_renamed)  # fmt: skip
    # Delivered where it does not belong.
    write_fail("repeated", "Ada's message arrives a second time.", "repeated", "room", ROOM,
               after="sealed_profile.txt sealed_room.txt")  # fmt: skip
    write_fail("late", "Ada's message arrives after a later one.", "repeated", "room", ROOM,
               after="sealed_profile.txt sealed_room_missing.txt")  # fmt: skip
    write_fail("repeated_profile", "Ada's first profile arrives again, after she has changed her name.", "repeated",
               "profile", PROFILE_ADA, after="sealed_profile.txt sealed_profile_renamed.txt")  # fmt: skip
    write_fail("same_profile", "Ada's profile arrives a second time.", "repeated", "profile", PROFILE_ADA,
               of=of_renamed)  # fmt: skip
    write_fail("stranger", "A message from an id without a profile.", "stranger", "room", ROOM, sender=7)
    write_fail("other_sender", "Ada's message to the room arrives under Eve's id.", "tampered", "room", ROOM, sender=3,
               after="sealed_profile.txt sealed_profile_eve.txt")  # fmt: skip
    write_fail("other_receiver", "Ada's direct message to Bob is delivered to Eve.", "tampered", "direct", direct,
               receiver=EVE)  # fmt: skip
    write_fail("other_use", "Ada's message to the room arrives as a direct message to Bob.", "tampered", "direct", ROOM)
    write_fail("topic_room", "Ada's message to the room arrives as a topic.", "tampered", "topic", ROOM,
               of="sealed_topic.txt")  # fmt: skip
    write_fail("topic_old", "An earlier topic of Ada arrives after she has removed it.", "repeated", "topic", topic,
               after="sealed_profile.txt sealed_topic_removed.txt")  # fmt: skip
    write_fail("other_room", "Ada's message from another room, from the same seat and under the same salt.", "tampered",
               "room", other_room.seal("room", content, report=REPORT))  # fmt: skip
    elsewhere = Member(1, 0xA0, log=run(0x50, 16))
    write_fail("other_log", "Ada's message from another log of this room: the server was restarted.", "tampered", "room",
               elsewhere.seal("room", content, report=REPORT), of=of_room)  # fmt: skip
    write_fail("other_log_profile", "Ada's profile from another log of this room.", "tampered", "profile",
               elsewhere.seal("profile", b'{"name":"Ada"}', report=REPORT_ADA), after="", of=of_profile)  # fmt: skip
    write_fail("other_seat", "Ada's profile arrives under a second id: a copy opens in no other seat.", "tampered",
               "profile", PROFILE_ADA, sender=3, of="sealed_profile_eve.txt")  # fmt: skip
    write_fail("other_session", "Eve's profile arrives under the id of Ada, who is present.", "spent", "profile",
               PROFILE_EVE, of=of_renamed)  # fmt: skip
    write_fail("spent", "Ada's profile arrives again after she has left: her id is used up.", "spent", "profile",
               PROFILE_ADA, left="1")  # fmt: skip
    write_fail("data_receiver", "Ada's file data for Bob is delivered to Eve.", "tampered", "data", data, receiver=EVE)
    write_fail("data_repeated", "Ada's file data arrives a second time.", "repeated", "data", data,
               after="sealed_profile.txt sealed_data.txt")  # fmt: skip
    write_fail("data_direct", "Ada's file data arrives as a direct message: it has no signature.", "tampered", "direct",
               data)  # fmt: skip
    # A member helps the server.
    posing = Member(3, 0xE0, salt=BOB.salt, exchange=BOB.private)
    copied = ADA.seal("direct", content, to=posing)
    write_fail("copied_exchange", "Eve has copied Bob's salt and exchange key. Ada's direct message to her reaches Bob.",
               "tampered", "direct", copied, of="sealed_direct.txt")  # fmt: skip
    write_fail("forged", "A member seals as Ada, and signs with its own key.", "signature", "room",
               ADA.seal("room", content, report=REPORT, signer=EVE), of=of_room)  # fmt: skip
    write_fail("moved", "A member seals Ada's message, signed for counter 0, again under counter 1.", "signature",
               "room", ADA.seal("room", content, report=REPORT, sealed_counter=1), of=of_room)  # fmt: skip
    write_fail("carried", "A member of two rooms seals Ada's signed message from the other room in this one.",
               "signature", "room", ADA.seal("room", content, report=REPORT, signed_room=other_room.room_id),
               of=of_room)  # fmt: skip
    start = b"chat/1 signed" + ADA.room_id + b"chat/1" + u8(0)
    signed = start + elsewhere.lane("room")[0] + u64(0) + u64(TIME) + REPORT + content
    write_fail("carried_log", "A member seals Ada's signed message from another log of this room in this one.",
               "signature", "room", ADA.seal("room", content, report=REPORT, signed=signed), of=of_room)  # fmt: skip
    truth = start + ADA.lane("room")[0] + u64(0) + u64(TIME) + REPORT + content
    write_fail("other_report", "A member replaces the report in Ada's message, to make her seem to see another conversation.",
               "signature", "room", ADA.seal("room", content, report=REPORT[:-1] + b"\0", signed=truth),
               of=of_room)  # fmt: skip
    swapped = ADA.identity + EVE.exchange
    write_fail("swapped_exchange", "A member puts its own exchange key into Ada's profile, to read direct messages to her.",
               "signature", "profile", ADA.seal("profile", b'{"name":"Ada"}', report=REPORT_ADA, sealed_keys=swapped),
               after="", of=of_profile)  # fmt: skip
    # Made by the member itself.
    write_fail("counter", "A counter of 2^53, which some languages cannot represent exactly: senders stop before it.",
               "counter", "room", ADA.seal("room", content, report=REPORT, counter=2**53))  # fmt: skip
    write_fail("time", "A time of 2^53 milliseconds, signed and sealed by Ada herself.", "time", "room",
               ADA.seal("room", b"T", report=REPORT, time=2**53), of=of_room)  # fmt: skip
    write_fail("report", "A report of position 2^53, signed and sealed by Ada herself.", "report", "room",
               ADA.seal("room", content, report=u64(2**53) + REPORT[8:]), of=of_room)  # fmt: skip
    write_fail("report_cut", "A message that ends within its report, signed and sealed by Ada herself.", "report",
               "room", ADA.seal("room", b"", report=REPORT[:-1]), of=of_room)  # fmt: skip
    other_keys = ADA.identity + EVE.exchange
    write_fail("other_keys", "Ada has another exchange key within one session.", "keys", "profile",
               ADA.seal("profile", b'{"name":"Ada"}', counter=1, report=REPORT, keys=other_keys), of=of_renamed)  # fmt: skip
    # The neutral point: with it, R = 01 00 ... and S = 0 is a valid signature for every message.
    weak = Member(3, 0xE0, identity=u8(1) + bytes(31))
    write_fail("weak_key", "An identity of small order, for which one signature is valid for every message.",
               "weak-key", "profile",
               weak.seal("profile", b'{"name":"Eve"}', report=REPORT_EVE, signature=weak.identity + bytes(32)),
               sender=3, after="")  # fmt: skip
    nowhere = Member(3, 0xE0, identity=u8(2) + bytes(31))
    assert not is_on_curve(2)
    write_fail("no_key", "An identity that is not a point on the curve.", "no-key", "profile",
               nowhere.seal("profile", b'{"name":"Eve"}', report=REPORT_EVE, signature=bytes(64)), sender=3,
               after="")  # fmt: skip


def is_on_curve(y):
    """RFC 8032, section 5.1.3: whether there is an x for this y."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    x2 = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    return x2 == 0 or pow(x2, (p - 1) // 2, p) == 1


# ---- data/chain_*.txt ----


def write_chain(name, about, parts, positions=None):
    """`parts`: type, id, body, how often. A body is a number of bytes, or a vector and its bytes."""
    frames, words = [], []
    for kind, member, body, times in parts:
        label, data = body if isinstance(body, tuple) else (str(body), None)
        for _ in range(times):
            first = len(frames)
            filler = data if data is not None else bytes((first + i) % 256 for i in range(body))
            frames.append(frame(kind, member, filler))
        words.append(f"{kind} {member} {label}" + (f" * {times}" if times > 1 else ""))
    values = chain_values(LOG, frames)
    chosen = sorted(values) if positions is None else positions
    lines = [line for at in chosen for line in rows(values[at], f"at {at}")]
    fields = [("log", LOG.hex()), ("frames", ", ".join(words)), ("positions", " ".join(map(str, chosen)))]
    write(f"chain_{name}.txt", about, "ok", fields, lines)


def write_chains():
    named = [("JOINED", 1, "profile", PROFILE_ADA), ("JOINED", 2, "profile_bob", PROFILE_BOB),
             ("MESSAGE", 1, "room", ROOM), ("JOINED", 3, "profile_eve", PROFILE_EVE),
             ("PROFILE", 1, "profile_renamed", RENAMED)]  # fmt: skip
    parts = [(kind, member, (f"sealed_{name}.txt", body), 1) for kind, member, name, body in named]
    write_chain("sealed", "The log in which the bodies of sealed_*.txt were sent.", parts)
    write_chain("joined", "Each JOINED restarts the chain, but not the one at the start of the log.",
                [("JOINED", 1, 20, 1), ("MESSAGE", 1, 30, 1), ("JOINED", 2, 20, 1), ("JOINED", 3, 20, 1),
                 ("AWAY", 2, 9, 1), ("LEFT", 3, 1, 1)])  # fmt: skip
    # 32 frames of 2048 bytes are 65,536.
    write_chain("run", "The chain restarts at 65536 bytes after the last restart.",
                [("JOINED", 1, 2039, 1), ("MESSAGE", 1, 2039, 33)],
                [0, 2048, 31 * 2048, 32 * 2048, 33 * 2048, 34 * 2048])  # fmt: skip
    write_chain("run_late", "65535 bytes after the last restart are too few: the chain restarts at the next frame.",
                [("JOINED", 1, 2038, 1), ("MESSAGE", 1, 2039, 33)],
                [0, 2047, 32 * 2048 - 1, 33 * 2048 - 1, 34 * 2048 - 1])  # fmt: skip
    write_chain("run_joined", "A JOINED at 65536 bytes after the last restart: only one restart.",
                [("JOINED", 1, 2039, 1), ("MESSAGE", 1, 2039, 31), ("JOINED", 2, 20, 1), ("MESSAGE", 2, 30, 1)],
                [0, 2048, 31 * 2048, 32 * 2048, 32 * 2048 + 29, 32 * 2048 + 68])  # fmt: skip
    write_chain("largest", "The longest frame is not split: the chain restarts after it.",
                [("JOINED", 1, 20, 1), ("MESSAGE", 1, 262139, 1), ("MESSAGE", 1, 30, 1), ("MESSAGE", 1, 30, 1)])


# ---- data/frame_*.txt ----

TOKEN, NEXT_TOKEN, NONCE = run(0xB0, 16), run(0xF0, 16), run(0, 16)
SESSION_KEY = run(0x80, 64)
RECORD = run(0xD0, 16)
BUDGET = {"frames": 20, "frameBurst": 200, "bytes": 65536, "byteBurst": 524288}
# KE3 of a login with OPAQUE, which is random.
KE3 = "RGI7oEqnq2drbxGRqtwpDs4Rpt1KZmHkh98i6uN3DiGJNDnCPjQti5yN4megrZ9dGDTeBsjvDSJo4XoNCaXuxQ"


def key_text(member):
    """A key as people write it."""
    return base64.b64encode(member.identity).rstrip(b"=").decode()


def greeting(cipher, **more):
    return {"version": 1, "cipher": cipher, **({"key": "198"} if cipher == "xor" else {}), "maxFrame": 262144, **more}


def greeting_fields(value):
    names = {"version": "version", "cipher": "cipher", "key": "public-key", "maxFrame": "max-frame"}
    return [(names.get(key, key), compact(one) if key == "budget" else one) for key, one in value.items()]


def write_greeting(name, about, value):
    write_json(f"frame_greeting{name}.txt", about, "GREETING", 0, value, greeting_fields(value))


def write_welcome(name, about, member, value):
    as_json = lambda one: isinstance(one, (dict, list, bool))
    fields = [(key, compact(one) if as_json(one) else one) for key, one in value.items()]
    write_json(f"frame_welcome{name}.txt", about, "WELCOME", member, value, fields)


def write_frames():
    write_greeting("", "The server's answer to the preface.", greeting("xor"))
    write_greeting("_budget", "The server limits how much a member may send.", greeting("xor", budget=BUDGET))
    write_greeting("_sealed", "The answer of a sealed room's server to the preface.", greeting("sealed"))
    write_greeting("_nonce", "The server of a sealed room sends the nonce for resumptions, and the budget.",
                   greeting("sealed", nonce=base64url(NONCE), budget=BUDGET))  # fmt: skip
    write_greeting("_record", "The server names the registration of the code, and its clock.",
                   greeting("sealed", record=base64url(RECORD), state="open", time=TIME))  # fmt: skip
    for state, why in [("full", "no place is free"), ("locked", "new members are not admitted")]:
        write_greeting(f"_{state}", f"The room takes no new members: {why}.", greeting("xor", state=state))

    write_json("frame_hello.txt", "Grace asks to join an open room.", "HELLO", 0, {"version": 1}, [("version", 1)])
    write_json("frame_hello_sealed.txt", "A client proves that it knows the code: KE3 of OPAQUE, 64 bytes.", "HELLO", 0,
               {"version": 1, "proof": KE3}, [("version", 1), ("proof", KE3)])  # fmt: skip
    ticket = base64url(run(0x80, 16))
    write_json("frame_hello_ticket.txt", "The user who runs the server of an open room joins it: it may be locked.", "HELLO", 0,
               {"version": 1, "ticket": ticket}, [("version", 1), ("ticket", ticket)])  # fmt: skip
    claim = {"token": base64url(TOKEN), "room": 122, "own": 14}
    write_json("frame_hello_resume.txt", "Grace resumes her session: she has the room's log up to 122, and her own log up to 14.",
               "HELLO", 0, {"version": 1, "resume": claim}, [("version", 1), *claim.items()])  # fmt: skip
    claim = {"token": base64url(TOKEN), "room": 2**32 + 122, "own": 14}
    chain = run(0xC0, 32)
    proof = base64url(resume_proof(SESSION_KEY, NONCE, TOKEN, claim["room"], claim["own"], chain))
    write_json("frame_hello_resume_sealed.txt",
               "In a sealed room, a resumption has a proof: made with the session key, it covers the nonce of GREETING and the chain at `room`.",
               "HELLO", 0, {"version": 1, "resume": {**claim, "proof": proof}},
               [("version", 1), ("session-key", SESSION_KEY.hex()), ("nonce", base64url(NONCE)),
                ("chain", chain.hex()), *claim.items(), ("proof", proof)])  # fmt: skip

    seat = {"log": base64url(LOG), "room": 23}
    write_json("frame_seat.txt", "Grace has a place in an open room: id 2. The room's log has 23 bytes.", "SEAT", 2, seat,
               list(seat.items()))  # fmt: skip
    position = len(log_frames[0])
    seat = {"log": base64url(LOG), "room": position, "chain": base64url(CHAIN[position])}
    write_json("frame_seat_sealed.txt", "Bob has a place in a sealed room. The chain is the one of chain_sealed.txt.", "SEAT", 2,
               seat, list(seat.items()))  # fmt: skip

    rest = {"accepted": 0, "said": 0, "token": base64url(TOKEN), "grace": 60000}
    write_welcome("", "Grace has joined as member 2. One member is present, and the room's log has 23 bytes.", 2,
                  {"room": 23, "own": 0, "members": 1, **rest})  # fmt: skip
    write_welcome("_simple", "A server without resumable sessions omits the fields of resumption.", 2,
                  {"room": 23, "own": 0, "members": 1})  # fmt: skip
    write_welcome("_sealed", "Bob has joined a sealed room. Nothing was said between SEAT and his JOINED, so the chain is the same.", 2,
                  {"room": position, "chain": seat["chain"], "own": 0, "members": 1, **rest})  # fmt: skip
    write_welcome("_left", "Grace joins again. Her network has used up most of what a member may send at once.", 2,
                  {"room": 23, "own": 0, "members": 1, **rest, "left": {"frames": 41, "bytes": 524288}})  # fmt: skip
    write_welcome("_rules", "Grace joins a room with a moderator and a topic of the operator. It is locked and read-only; member 7 is silenced.", 2,
                  {"room": 23, "own": 0, "members": 1, **rest, "moderators": [key_text(ADA)], "locked": True,
                   "readOnly": True, "silenced": [7], "topic": {"text": "Release on Friday", "time": TIME}})  # fmt: skip
    write_welcome("_servers", "Grace joins a room with two further addresses.", 2,
                  {"room": 23, "own": 0, "members": 1, **rest,
                   "servers": ["chat.example.org:2428", "[2001:db8::7]:2429"]})  # fmt: skip
    write_welcome("_resumed", "Grace resumes as member 2, with another token. The server has accepted three of her frames.", 2,
                  {"room": 122, "own": 14, "members": 0, "accepted": 3, "said": 0, "token": base64url(NEXT_TOKEN),
                   "grace": 60000})  # fmt: skip

    write_xor_profile("frame_profile_first.txt", "Grace's first profile: with it she joins.", "PROFILE", 0, "Grace")
    write("frame_profile_nameless.txt", "A client without a profile is shown by its id.", "ok",
          [("type", "PROFILE"), ("id", 0), ("public-key", 198), ("name", quote(""))],
          frame_lines("PROFILE", 0, b"", []))  # fmt: skip
    write_topic("frame_topic_set.txt", "Ben sets the topic.", 0, "Release on Friday")
    write_topic("frame_topic.txt", "Ben has set the topic.", 2, "Release on Friday")
    write_topic("frame_topic_removed.txt", "Ben has removed the topic.", 2, "")
    write_topic("frame_topic_given.txt", "A new member is given the topic that Ben has set, and Ben's profile.", 2,
                "Release on Friday", "Ben")  # fmt: skip
    write("frame_have.txt", "A client confirms that it is in the room: it has none of its own log yet.", "ok",
          [("type", "HAVE"), ("id", 0), ("position", 0)],
          frame_lines("HAVE", 0, u64(0), [f"{u64(0).hex(' '):48} # position: 0"]))  # fmt: skip
    write("frame_grant.txt", "Ben grants 64 KiB of file data to Grace, in his first attempt. To Grace it comes with Ben's id.", "ok",
          [("type", "GRANT"), ("id", 2), ("generation", 1), ("total", 65536)],
          frame_lines("GRANT", 2, u32(1) + u64(65536),
                      [f"{u32(1).hex(' '):48} # generation: 1", f"{u64(65536).hex(' '):48} # total: 65536"]))  # fmt: skip
    write_moderation()
    write_data("frame_data.txt", "Grace sends file data to Ben. To Ben it comes with Grace's id.", [(0, 0, b"hello")])
    write_data("frame_data_several.txt", "The rest of a file, and a small file, in one frame.",
               [(0, 2**32, b"end"), (16, 0, b"hello")])  # fmt: skip


def write_moderate(name, about, number, act):
    """MODERATE of Ada, as member 1, over a connection with the nonce of frame_greeting_nonce.txt."""
    text = compact(act).encode()
    signed = moderate_signed(SESSION_KEY, LOG, 1, NONCE, number, text)
    signature = ADA.signing.sign(signed)
    body = ADA.identity + signature + u32(number) + text
    fields = [("type", "MODERATE"), ("id", 0), ("seed", ADA.seed.hex()), ("session-key", SESSION_KEY.hex()),
              ("log", base64url(LOG)), ("member", 1), ("nonce", base64url(NONCE)), ("number", number),
              ("signed", signed.hex()), ("act", compact(act))]  # fmt: skip
    lines = rows(ADA.identity, "key") + rows(signature, "signature")
    lines += [f"{u32(number).hex(' '):48} # number: {number}"] + rows(text, text_of)
    write(f"frame_moderate{name}.txt", about, "ok", fields, frame_lines("MODERATE", 0, body, lines))


def write_notice(name, about, by, notice):
    write_json(f"frame_notice_{name}.txt", about, "NOTICE", by, notice, [("notice", compact(notice))])


def write_answer(name, about, count, outcome):
    names = ["ACCEPTED", "BUSY", "GONE", "REFUSED"]
    body = u32(count) + u8(outcome)
    write(f"frame_ack_{name}.txt", about, "ok",
          [("type", "ACK"), ("id", 0), ("count", count), ("outcome", names[outcome])],
          frame_lines("ACK", 0, body, [f"{body.hex(' '):48} # count: {count}; outcome: {names[outcome]}"]))  # fmt: skip


def write_error(code, message):
    value = {"code": code, "message": message}
    write_json(f"frame_error_{code}.txt", f"The connection ends with the code {code}.", "ERROR", 0, value,
               [("code", code), ("message", quote(message))])  # fmt: skip


def write_moderation():
    write_moderate("", "Ada bans member 7 for an hour. It is the fourth frame of her session.", 4,
                   {"action": "ban", "member": 7, "seconds": 3600, "reason": "spam"})  # fmt: skip
    write_moderate("_prove", "Ada's client proves by its first frame that it has the key of a moderator.", 1,
                   {"action": "prove"})  # fmt: skip
    write_notice("ban", "Member 1 has banned member 7 for an hour.", 1,
                 {"action": "ban", "member": 7, "ban": 1, "until": TIME + 3_600_000, "reason": "spam"})  # fmt: skip
    write_notice("kick", "Member 1 has removed member 7, without a reason.", 1, {"action": "kick", "member": 7})
    write_notice("silence", "Member 1 has silenced member 7.", 1,
                 {"action": "silence", "member": 7, "reason": "Grüße, 你好 🙂"})  # fmt: skip
    write_notice("op", "The operator has made the owner of a key a moderator.", 0, {"action": "op", "key": key_text(BOB)})
    write_notice("announce", "The operator has announced something.", 0,
                 {"action": "announce", "text": "The server restarts at noon"})  # fmt: skip
    write_notice("topic", "The operator has set the topic.", 0, {"action": "topic", "text": "Release on Friday"})
    write_notice("later", "A later version has another action.", 1, {"action": "promote", "member": 7})
    bans = [{"ban": 1, "member": 7, "by": 1, "since": TIME, "until": TIME + 3_600_000, "reason": "spam"},
            {"ban": 2, "member": 0, "by": 0, "since": TIME}]  # fmt: skip
    write_json("frame_bans.txt", "The list of bans, for member 1, who has asked for it.", "BANS", 1, {"bans": bans},
               [("bans", compact(bans))])  # fmt: skip
    write_json("frame_bans_none.txt", "Nobody is banned.", "BANS", 1, {"bans": []}, [("bans", "[]")])
    write_answer("done", "The server has done what the fourth frame of this client asked for.", 4, 0)
    write_answer("refused", "The server has refused the fifth frame of this client: it is silenced, or no moderator.", 5, 3)
    write("frame_left_removed.txt", "Member 7 has left: it was removed.", "ok",
          [("type", "LEFT"), ("id", 7), ("reason", "REMOVED")],
          frame_lines("LEFT", 7, u8(4), [f"{'04':48} # reason: REMOVED"]))  # fmt: skip
    write_error("removed", "you were removed by a moderator: spam")
    write_error("locked", "the room is locked: it takes no newcomers now")
    write_error("closed", "the operator has closed the room: it gets a new code")
    write_refused("xor_refused", "Two messages of this sender, right before this one, were refused: none is missing.", 2)


def write_refused(name, about, refused, expect="ok", *, cut=None, message_id=True):
    """MESSAGE of an xor room from member 1, with a number of refused messages."""
    parts = [(b"X", "X"), (u32(refused), f"refused: {refused}")]
    if message_id:
        parts += [(b"N", "N"), (bytes.fromhex("1122334455667788"), "origin: 1122334455667788"), (u32(5), "seq: 5")]
    parts = (parts + [(b"TYep!", "TYep!")])[:cut]
    sealed = [(bytes(byte ^ 188 for byte in part), note) for part, note in parts]
    ok = [("type", "MESSAGE"), ("id", 1), ("public-key", 198), ("kind", "text"), ("text", quote("Yep!")),
          ("origin", "1122334455667788"), ("seq", 5), ("replay", "false"), ("refused", refused)]  # fmt: skip
    write(f"{name}.txt", about, expect, ok if expect == "ok" else [("public-key", 198)],
          frame_lines("MESSAGE", 1, b"".join(part for part, _ in sealed),
                      [f"{part.hex(' '):48} # {note} XOR bc" for part, note in sealed]))  # fmt: skip


def write_topic(name, about, member, text, setter=None):
    """TOPIC of an xor room; with the profile of the member that has set it, as newcomers get it."""
    sealed = lambda plain: bytes(byte ^ 188 for byte in plain)
    plain = rows(sealed(text.encode()), lambda row: f"{sealed(row).decode()} XOR bc")
    fields = [("type", "TOPIC"), ("id", member), ("public-key", 198)]
    if setter is None:
        body, lines = sealed(text.encode()), plain
    else:
        profile = sealed(compact({"name": setter}).encode())
        size = len(profile).to_bytes(2, "big")
        body = size + profile + sealed(text.encode())
        lines = [f"{size.hex(' '):48} # size of the profile: {len(profile)}"]
        lines += rows(profile, lambda row: f"{sealed(row).decode()} XOR bc") + plain
        fields += [("name", quote(setter))]
    write(name, about, "ok", [*fields, ("text", quote(text))], frame_lines("TOPIC", member, body, lines))


def chunk_parts(first, offset, data, length=None):
    """A chunk of the file with this first byte of its id: its parts, and what they are."""
    length = len(data) if length is None else length
    return [(b"C", "C: a chunk"), (run(first, 16), "id"), (u64(offset), f"offset: {offset}"),
            (u32(length), f"length: {length}"), (data, f"bytes: {data.decode()}")]  # fmt: skip


def write_data(name, about, chunks, expect="ok", parts=None):
    """DATA of generation 1 from member 1, with these chunks: first byte of the id, offset, bytes."""
    parts = [part for chunk in chunks for part in chunk_parts(*chunk)] if parts is None else parts
    sealed = [(bytes(byte ^ 188 for byte in part), note) for part, note in parts]
    shown = [{"id": run(first, 16).hex(), "offset": offset, "bytes": data.hex()} for first, offset, data in chunks]
    ok = [("type", "DATA"), ("id", 1), ("generation", 1), ("public-key", 198), ("chunks", compact(shown))]
    write(name, about, expect, ok if expect == "ok" else [("public-key", 198)],
          frame_lines("DATA", 1, u32(1) + b"".join(part for part, _ in sealed),
                      [f"{u32(1).hex(' '):48} # generation: 1"]
                      + [f"{part.hex(' '):48} # {note} XOR bc" for part, note in sealed]))  # fmt: skip


def write_faults():
    def fail(name, about, kind, value, member=0):
        write_json(f"fail_malformed_{name}.txt", about, kind, member, value, expect="malformed")

    fail("greeting_state", "GREETING has a state that does not exist.", "GREETING", greeting("xor", state="ajar"))
    fail("greeting_time", "GREETING has a time that a date cannot hold.", "GREETING",
         greeting("xor", time=8_640_000_000_000_001))  # fmt: skip
    fail("greeting_record", "GREETING has a record that is not base64url text.", "GREETING",
         greeting("sealed", record="a record"))  # fmt: skip
    fail("greeting_nonce_size", "GREETING has a nonce of 15 bytes.", "GREETING",
         greeting("sealed", nonce=base64url(NONCE[:15])))  # fmt: skip
    fail("hello_base64", "HELLO has a proof with padding.", "HELLO", {"version": 1, "proof": "QQ=="})
    fail("seat", "SEAT has no name of the log.", "SEAT", {"room": 23}, 2)
    fail("seat_room", "SEAT has a negative position.", "SEAT", {"log": base64url(LOG), "room": -1}, 2)
    fail("seat_chain", "SEAT has a chain that is not text.", "SEAT", {"log": base64url(LOG), "room": 23, "chain": 7}, 2)
    fail("welcome_chain", "WELCOME has a chain that is not base64url text.", "WELCOME",
         {"room": 23, "chain": "a chain", "own": 0, "members": 1}, 2)  # fmt: skip
    fail("welcome_token", "WELCOME has a token that is not base64url text.", "WELCOME",
         {"room": 23, "own": 0, "members": 1, "accepted": 0, "said": 0, "token": "a token", "grace": 60000}, 2)  # fmt: skip
    fail("welcome_left", "WELCOME has a part of a message left.", "WELCOME",
         {"room": 23, "own": 0, "members": 1, "left": {"frames": 0.5, "bytes": 0}}, 2)  # fmt: skip
    write("fail_malformed_topic.txt", "A new member is given a topic that ends within the profile.", "malformed",
          [("public-key", 198), ("name", quote("Ben"))],
          frame_lines("TOPIC", 2, b"\0\x02\xc7", [f"{'00 02':48} # size of the profile: 2", "c7"]))  # fmt: skip
    write("fail_too_large_topic.txt", "A topic of 1281 bytes.", "too-large", [("public-key", 198)],
          frame_lines("TOPIC", 0, bytes(1281), rows(bytes(1281), "1281 zeros")))  # fmt: skip
    write("fail_malformed_grant_size.txt", "GRANT has no total.", "malformed", [], frame_lines("GRANT", 2, u32(1), [f"{u32(1).hex(' ')}"]))
    total = u32(1) + u64(2**53)
    write("fail_malformed_grant_total.txt", "GRANT has a total that does not fit in 53 bits.", "malformed", [],
          frame_lines("GRANT", 2, total, [total.hex(" ")]))  # fmt: skip
    write("fail_malformed_data.txt", "DATA ends within its generation.", "malformed", [],
          frame_lines("DATA", 2, b"\0\0\1", ["00 00 01"]))  # fmt: skip
    write_data("fail_unreadable_data_cut.txt", "A chunk with a length of five bytes that has four.", [], "unreadable",
               chunk_parts(0, 0, b"hell", 5))  # fmt: skip
    write_data("fail_unreadable_data_empty.txt", "A chunk without data.", [], "unreadable", chunk_parts(0, 0, b"")[:-1])
    write_data("fail_unreadable_data_done.txt", "A file message after a chunk: it does not belong into DATA.", [],
               "unreadable", chunk_parts(0, 0, b"hello") + [(b"E", "E: done"), (run(0, 16), "id")])  # fmt: skip
    write("fail_unexpected_type_26.txt", "Type 26 does not exist.", "unexpected", [], frame_lines("(none)", 0, b"", []))
    write_moderation_faults(fail)


def write_moderation_faults(fail):
    head = ADA.identity + bytes(64) + u32(1)
    parts = rows(ADA.identity, "key") + rows(bytes(64), "signature")

    def moderate(name, about, value):
        text = compact(value).encode()
        write(f"fail_malformed_moderate_{name}.txt", about, "malformed", [],
              frame_lines("MODERATE", 0, head + text, parts + [f"{u32(1).hex(' '):48} # number: 1"]
                          + rows(text, text_of)))  # fmt: skip

    write("fail_malformed_moderate.txt", "MODERATE ends within its number.", "malformed", [],
          frame_lines("MODERATE", 0, head[:-1], parts + ["00 00 00"]))  # fmt: skip
    moderate("member", "MODERATE removes no member.", {"action": "kick", "member": 0})
    moderate("reason", "MODERATE has a reason of 513 bytes.", {"action": "kick", "member": 7, "reason": "x" * 513})
    moderate("seconds", "MODERATE bans for more than ten years.",
             {"action": "ban", "member": 7, "seconds": 315_360_001})  # fmt: skip
    moderate("key", "MODERATE has a key with padding.", {"action": "op", "key": key_text(BOB) + "="})
    other = key_text(BOB)[:-1] + chr(ord(key_text(BOB)[-1]) + 1)
    moderate("key_bits", "MODERATE has a key whose last digit has bits of no byte.", {"action": "op", "key": other})
    moderate("text", "MODERATE announces something that is not text.", {"action": "announce", "text": 7})
    fail("notice_action", "NOTICE has no action.", "NOTICE", {"member": 7}, 1)
    fail("notice_member", "NOTICE does not name the member that was removed.", "NOTICE", {"action": "kick"}, 1)
    fail("notice_until", "NOTICE has a time that a date cannot hold.", "NOTICE",
         {"action": "ban", "member": 7, "until": 8_640_000_000_000_001}, 1)  # fmt: skip
    fail("notice_text", "NOTICE has an announcement of 4097 bytes.", "NOTICE", {"action": "announce", "text": "x" * 4097}, 0)
    fail("bans", "BANS has no list.", "BANS", {"bans": {}}, 1)
    fail("bans_number", "BANS has a ban without a number.", "BANS", {"bans": [{"member": 7, "by": 1, "since": TIME}]}, 1)
    fail("hello_ticket", "HELLO has a ticket that is not base64url text.", "HELLO", {"version": 1, "ticket": "a ticket"})
    joined = {"room": 23, "own": 0, "members": 1}
    fail("welcome_moderators", "WELCOME has a moderator that is no key.", "WELCOME", {**joined, "moderators": ["Ada"]}, 2)
    fail("welcome_locked", "WELCOME is neither locked nor open.", "WELCOME", {**joined, "locked": 1}, 2)
    fail("welcome_silenced", "WELCOME silences nobody: no member has the id 0.", "WELCOME", {**joined, "silenced": [0]}, 2)
    fail("welcome_topic", "WELCOME has a topic without a time.", "WELCOME", {**joined, "topic": {"text": "Friday"}}, 2)
    fail("welcome_servers", "WELCOME names a server without its port.", "WELCOME", {**joined, "servers": ["192.0.2.7"]}, 2)
    for name, about, body in [("ack_outcome", "ACK has an unknown outcome.", ("ACK", 1, u32(1) + u8(4), "count: 1; outcome: 4")),
                              ("left", "LEFT has an unknown reason.", ("LEFT", 2, u8(5), "reason: 5"))]:  # fmt: skip
        kind, member, data, note = body
        write(f"fail_malformed_{name}.txt", about, "malformed", [],
              frame_lines(kind, member, data, [f"{data.hex(' '):48} # {note}"]))  # fmt: skip
    write_refused("fail_unreadable_refused_cut", "A number of refused messages, and nothing after it.", 1, "unreadable", cut=2)
    write_refused("fail_unreadable_refused_zero", "No message was refused: then the number is left out.", 0, "unreadable")
    write_refused("fail_unreadable_refused_alone", "A number of refused messages before a message without an id.", 1,
                  "unreadable", message_id=False)  # fmt: skip


def write_identity():
    passphrase, salt, seed = unicodedata.normalize("NFD", "über den Wolken"), run(0xE0, 16), bytes([0xA0] * 32)
    label = b"chat/1 identity export"
    key = hashlib.scrypt(unicodedata.normalize("NFC", passphrase).encode(), salt=label + salt, n=2**17, r=8, p=1,
                         maxmem=2**28, dklen=32)  # fmt: skip
    sealed = ChaCha20Poly1305(key).encrypt(bytes(12), seed, label)
    checked = f"version 1\nsalt {base64url(salt)}\nsealed {base64url(sealed)}\n"
    check = hashlib.sha256(checked.encode()).digest()
    write("identity_export.txt", "Ada's identity, exported. Her keyboard types the ü of the passphrase as two characters.", "ok",
          [("seed", seed.hex()), ("passphrase", quote(passphrase)), ("salt", salt.hex())],
          rows(key, "key") + rows(sealed, "sealed") + rows(check, "check"))  # fmt: skip


write_sealed()
write_identity()
write_chains()
write_frames()
write_faults()
