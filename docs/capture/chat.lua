-- A dissector for Wireshark and tshark: chat's protocol, frame by frame, and the classic protocol, which has no
-- frames. docs/protocol.md describes the protocol, docs/capture.md how to use this file:
--
--   tshark -X lua_script:docs/capture/chat.lua -r docs/capture/framed.pcapng
--
-- In Wireshark: copy it into the folder of personal Lua plugins (Help, About, Folders).
--
-- For Wireshark 4.0 and later. It uses only the common part of Lua 5.2 and 5.4, so it replaces bit operations with
-- arithmetic.

if set_plugin_info then
  set_plugin_info({ version = "1.0.0", description = "Chat: group chat for the terminal" })
end

local chat = Proto("chat", "Chat Protocol")

-- ---- the wire, as in protocol.ts ----

local DEFAULT_PORT = "2428"
local HEADER_SIZE = 9
-- `length` counts type and id too.
local MIN_LENGTH = 5
local MAX_FRAME = 256 * 1024
local MAX_FRAME_BEFORE_ADMISSION = 8 * 1024
local MAX_PROFILE = 1024
local MAX_TOPIC = 1280
local MAX_TOPIC_TEXT = 1024
local MAX_REASON = 512
local MAX_ANNOUNCEMENT = 4096
local MAX_BAN_SECONDS = 10 * 365 * 86400
-- Bytes of MODERATE before its JSON: key, signature and number.
local MODERATE_HEAD = 32 + 64 + 4
local VERSION = 1
-- The longest preface of any version: chat/65535 and a line feed.
local MAX_PREFACE = 11
local MAX_POSITION = 2 ^ 53 - 1
-- In ms: more than a date can hold in JavaScript.
local MAX_TIME = 8.64e15

local TYPES = {
  [1] = "GREETING",
  [2] = "HELLO",
  [3] = "WELCOME",
  [4] = "MESSAGE",
  [5] = "DIRECT",
  [6] = "ACK",
  [7] = "PROFILE",
  [8] = "JOINED",
  [9] = "LEFT",
  [10] = "MEMBER",
  [11] = "PING",
  [12] = "PONG",
  [13] = "BYE",
  [14] = "ERROR",
  [15] = "LOGIN",
  [16] = "HAVE",
  [17] = "AWAY",
  [18] = "WARNING",
  [19] = "SEAT",
  [20] = "GRANT",
  [21] = "DATA",
  [22] = "MODERATE",
  [23] = "NOTICE",
  [24] = "TOPIC",
  [25] = "BANS",
}
-- Which side alone sends it; the others come from both.
local SENT_BY = {
  GREETING = "server",
  HELLO = "client",
  WELCOME = "server",
  DIRECT = "server",
  ACK = "server",
  JOINED = "server",
  LEFT = "server",
  MEMBER = "server",
  HAVE = "client",
  AWAY = "server",
  WARNING = "server",
  SEAT = "server",
  MODERATE = "client",
  NOTICE = "server",
  BANS = "server",
}
local ROOM_STATES = { open = true, full = true, locked = true }
local OUTCOMES = { [0] = "ACCEPTED", [1] = "BUSY", [2] = "GONE", [3] = "REFUSED" }
local LEFT_REASONS = { [0] = "BYE", [1] = "LOST", [2] = "SLOW", [3] = "REFUSED", [4] = "REMOVED" }
local AWAY_STATES = { [0] = "BACK", [1] = "AWAY" }
local KINDS = {
  [0x54] = "T: text",
  [0x41] = "A: action",
  [0x46] = "F: files",
  [0x51] = "Q: answer",
  [0x45] = "E: correction",
  [0x44] = "D: deletion",
  [0x2b] = "+: reaction",
  [0x2d] = "-: reaction taken back",
  [0x4e] = "N: with a message id",
  [0x52] = "R: sent again",
  [0x58] = "X: after refused messages",
}
local FILE_MESSAGES = {
  [0x4f] = "O: offer",
  [0x51] = "Q: ask",
  [0x52] = "R: resume",
  [0x48] = "H: hash",
  [0x4e] = "N: differs",
  [0x43] = "C: chunk",
  [0x57] = "W: withdraw",
  [0x44] = "D: decline",
  [0x45] = "E: done",
  [0x4c] = "L: again",
}
local FILE_REASONS = {
  [0] = "other",
  [1] = "cancelled",
  [2] = "changed",
  [3] = "declined",
  [4] = "disk",
  [5] = "damaged",
  [6] = "removed",
  [7] = "unreadable",
  [8] = "full",
}

-- ---- fields, faults, preferences ----

local f = chat.fields
f.preface = ProtoField.string("chat.preface", "Preface")
f.version = ProtoField.uint16("chat.version", "Version")
f.length = ProtoField.uint32("chat.length", "Length", base.DEC, nil, 0, "Bytes of type, id and body")
f.type = ProtoField.uint8("chat.type", "Type", base.DEC, TYPES)
f.id = ProtoField.uint32("chat.id", "Id")
f.body = ProtoField.bytes("chat.body", "Body", base.SPACE)
f.json = ProtoField.string("chat.json", "JSON", base.UNICODE)

f.cipher = ProtoField.string("chat.cipher", "Cipher")
f.key = ProtoField.uint8("chat.key", "Public key")
f.private_key = ProtoField.uint8("chat.private_key", "Private key", base.DEC_HEX)
f.max_frame = ProtoField.uint32("chat.max_frame", "Maximum length of a frame")
f.nonce = ProtoField.string("chat.nonce", "Nonce")
f.record = ProtoField.string("chat.record", "Name of the code's registration")
f.state = ProtoField.string("chat.state", "State of the room")
f.time = ProtoField.uint64("chat.time", "Clock of the server in ms")
f.budget = ProtoField.none("chat.budget", "Budget")
f.frames = ProtoField.uint32("chat.budget.frames", "Frames a second")
f.frame_burst = ProtoField.uint32("chat.budget.frame_burst", "Frames at once")
f.generation = ProtoField.uint32("chat.generation", "Generation")
f.total = ProtoField.uint64("chat.total", "Bytes granted")
f.budget_left = ProtoField.none("chat.left", "Left of the budget")
f.left_frames = ProtoField.uint32("chat.left.frames", "Frames left")
f.left_bytes = ProtoField.uint32("chat.left.bytes", "Bytes left")
f.bytes = ProtoField.uint32("chat.budget.bytes", "Bytes a second")
f.byte_burst = ProtoField.uint32("chat.budget.byte_burst", "Bytes at once")

f.login = ProtoField.string("chat.login", "Message of OPAQUE")
f.tries = ProtoField.uint16("chat.login.tries", "Tries left")
f.ticket = ProtoField.string("chat.login.ticket", "Ticket")
f.proof = ProtoField.string("chat.proof", "Proof")

f.profile = ProtoField.bytes("chat.profile", "Profile, sealed", base.SPACE)
f.name = ProtoField.string("chat.name", "Name", base.UNICODE)
f.is_classic = ProtoField.bool("chat.profile.classic", "Classic client")
f.status = ProtoField.string("chat.profile.status", "Status", base.UNICODE)
f.profile_size = ProtoField.uint16("chat.topic.profile", "Size of the profile")
f.topic = ProtoField.bytes("chat.topic", "Topic, sealed", base.SPACE)

f.resume = ProtoField.none("chat.resume", "Resumption")
f.token = ProtoField.string("chat.token", "Token")
f.room = ProtoField.uint64("chat.room", "Position in the room's log")
f.chain = ProtoField.string("chat.chain", "Chain there")
f.own = ProtoField.uint64("chat.own", "Position in the own log")
f.members = ProtoField.uint32("chat.members", "Members before this one")
f.accepted = ProtoField.uint64("chat.accepted", "Frames accepted in this session")
f.said = ProtoField.uint64("chat.said", "Messages in the room's log so far")
f.log = ProtoField.string("chat.log", "Name of the room's log")
f.grace = ProtoField.uint64("chat.grace", "Grace in ms")
f.position = ProtoField.uint64("chat.have.position", "Position in the own log")

f.moderator = ProtoField.string("chat.moderator", "Key of a moderator")
f.is_locked = ProtoField.bool("chat.locked", "Locked")
f.is_read_only = ProtoField.bool("chat.read_only", "Read-only")
f.silenced = ProtoField.uint32("chat.silenced", "Silenced member")
f.server = ProtoField.string("chat.server", "Further address of the room")
f.given_topic = ProtoField.none("chat.given_topic", "Topic of the operator")
f.topic_text = ProtoField.string("chat.given_topic.text", "Topic", base.UNICODE)
f.topic_time = ProtoField.uint64("chat.given_topic.time", "Set at, by the clock of the server in ms")

f.identity = ProtoField.bytes("chat.moderate.key", "Identity key", base.SPACE)
f.signature = ProtoField.bytes("chat.moderate.signature", "Signature", base.SPACE)
f.number = ProtoField.uint32("chat.moderate.number", "Number of this frame")
f.action = ProtoField.string("chat.action", "Action")
f.member = ProtoField.uint32("chat.member", "Member")
f.seconds = ProtoField.uint32("chat.seconds", "For seconds")
f.ban = ProtoField.uint32("chat.ban", "Number of the ban")
f.until_time = ProtoField.uint64("chat.until", "Until, by the clock of the server in ms")
f.reason_text = ProtoField.string("chat.reason", "Reason", base.UNICODE)
f.announcement = ProtoField.string("chat.announcement", "Text", base.UNICODE)
f.one_ban = ProtoField.none("chat.bans", "Ban")
f.by = ProtoField.uint32("chat.bans.by", "Banned by")
f.ban_time = ProtoField.uint64("chat.bans.since", "Since, by the clock of the server in ms")

f.answered = ProtoField.uint32("chat.ack.frame", "Number of the answered frame")
f.count = ProtoField.uint32("chat.ack.count", "Direct messages answered")
f.outcome = ProtoField.uint8("chat.ack.outcome", "Outcome", base.DEC, OUTCOMES)
f.left = ProtoField.uint8("chat.left.reason", "Reason", base.DEC, LEFT_REASONS)
f.away = ProtoField.uint8("chat.away.state", "State", base.DEC, AWAY_STATES)
f.since = ProtoField.uint64("chat.away.since", "Since, by the clock of the server in ms")
f.code = ProtoField.string("chat.error.code", "Code")
f.sentence = ProtoField.string("chat.error.message", "Message", base.UNICODE)

f.sealed = ProtoField.none("chat.sealed", "Sealed")
f.salt = ProtoField.bytes("chat.sealed.salt", "Salt", base.SPACE)
f.counter = ProtoField.uint64("chat.sealed.counter", "Counter")
f.secret = ProtoField.bytes("chat.sealed.data", "Sealed", base.SPACE)
f.tag = ProtoField.bytes("chat.sealed.tag", "Tag", base.SPACE)

f.plain = ProtoField.bytes("chat.plain", "Opened", base.SPACE)
f.kind = ProtoField.uint8("chat.kind", "Kind", base.HEX, KINDS)
f.origin = ProtoField.bytes("chat.origin", "Origin")
f.reference = ProtoField.bytes("chat.reference", "Reference")
f.seq = ProtoField.uint32("chat.seq", "Seq")
f.text = ProtoField.string("chat.text", "Text", base.UNICODE)

f.refused_before = ProtoField.uint32("chat.refused", "Messages refused right before this one")
f.refused = ProtoField.uint8("chat.file.refused", "Messages refused before this one")
f.file_message = ProtoField.uint8("chat.file.kind", "File message", base.HEX, FILE_MESSAGES)
f.transfer = ProtoField.bytes("chat.file.id", "Id of the file")
f.size = ProtoField.uint64("chat.file.size", "Size")
f.sha256 = ProtoField.bytes("chat.file.sha256", "SHA-256")
f.file_name = ProtoField.string("chat.file.name", "Name", base.UNICODE)
f.offset = ProtoField.uint64("chat.file.offset", "Offset")
f.part = ProtoField.uint32("chat.file.length", "Length")
f.data = ProtoField.bytes("chat.file.data", "Data")
f.reason = ProtoField.uint8("chat.file.reason", "Reason", base.DEC, FILE_REASONS)

f.classic = ProtoField.none("chat.classic", "Classic: without frames")

local e = {
  malformed = ProtoExpert.new(
    "chat.malformed",
    "This is invalid",
    expert.group.MALFORMED,
    expert.severity.ERROR
  ),
  too_large = ProtoExpert.new(
    "chat.too_large",
    "This is over its limit",
    expert.group.MALFORMED,
    expert.severity.ERROR
  ),
  unexpected = ProtoExpert.new(
    "chat.unexpected",
    "This may not come here",
    expert.group.PROTOCOL,
    expert.severity.WARN
  ),
  unreadable = ProtoExpert.new(
    "chat.unreadable",
    "The content of a message is invalid",
    expert.group.UNDECODED,
    expert.severity.WARN
  ),
  unknown = ProtoExpert.new(
    "chat.no_greeting",
    "The capture has no GREETING, so the cipher is unknown",
    expert.group.UNDECODED,
    expert.severity.NOTE
  ),
  cut = ProtoExpert.new(
    "chat.cut",
    "The capture has only a part of this frame",
    expert.group.UNDECODED,
    expert.severity.NOTE
  ),
  lost = ProtoExpert.new(
    "chat.lost",
    "After an invalid length the next frame cannot be found",
    expert.group.UNDECODED,
    expert.severity.NOTE
  ),
  open = ProtoExpert.new(
    "chat.open",
    "The key is in the capture: anyone who has this file can read the messages",
    expert.group.SECURITY,
    expert.severity.NOTE
  ),
  refused = ProtoExpert.new(
    "chat.error",
    "One side reports an error",
    expert.group.RESPONSE_CODE,
    expert.severity.NOTE
  ),
}
chat.experts = { e.malformed, e.too_large, e.unexpected, e.unreadable, e.unknown, e.cut, e.lost, e.open, e.refused }

chat.prefs.port = Pref.range("TCP ports", DEFAULT_PORT, "The ports of chat servers", 65535)

-- ---- conversations ----

-- The state of each TCP connection:
--   start    the packet with its first bytes that were understood
--   framed   whether it has frames; else it is classic
--   server   "address:port" of the server; nil while it is unknown
--   cipher   of GREETING
--   key      the public key; nil if there is none
--   has_preface   whether the capture has the client's first bytes
--   admitted   by "address:port" of a sender: the packet from which on its frames may be long
--   broken   by "address:port" of a sender: the packet with this sender's invalid length
--   seated   whether the server has sent SEAT: its client joins
--   joined   the packet with the first JOINED after that, and its place in it
--   parts    classic: by packet, the digits of the key so far
--   digits   classic: the key, while more digits may follow
--
-- They are in lists, by the two ends: a client that connects again from the same port has another entry. (Wireshark's
-- number of a connection, tcp.stream, is not available when it reads a capture for the first time.)
local conversations = {}

function chat.init()
  conversations = {}
end

local function sender(pinfo)
  return tostring(pinfo.src) .. ":" .. pinfo.src_port
end

local function receiver(pinfo)
  return tostring(pinfo.dst) .. ":" .. pinfo.dst_port
end

-- All conversations between the two ends of this packet, the first one first.
local function conversations_of(pinfo)
  local a, b = sender(pinfo), receiver(pinfo)
  local ends = a < b and a .. " " .. b or b .. " " .. a
  conversations[ends] = conversations[ends] or {}
  return conversations[ends]
end

local function comes_from_server(pinfo, conversation)
  if conversation.server then return sender(pinfo) == conversation.server end
  -- In a capture that begins in the middle: clients have the high ports.
  return pinfo.src_port < pinfo.dst_port
end

-- ---- text ----

-- The forms that a character of more than one byte may have (RFC 3629, section 4).
local UTF8 = {
  "^[\194-\223][\128-\191]",
  "^\224[\160-\191][\128-\191]",
  "^[\225-\236\238\239][\128-\191][\128-\191]",
  "^\237[\128-\159][\128-\191]",
  "^\240[\144-\191][\128-\191][\128-\191]",
  "^[\241-\243][\128-\191][\128-\191][\128-\191]",
  "^\244[\128-\143][\128-\191][\128-\191]",
}
local REPLACEMENT = "\239\191\189"

local function end_of_character(bytes, at)
  for _, form in ipairs(UTF8) do
    local _, last = bytes:find(form, at)
    if last then return last end
  end
  return nil
end

-- The bytes as text that can be shown, and whether they were UTF-8. Invalid bytes are replaced, and so is NUL, at
-- which Wireshark would stop reading.
local function readable(bytes)
  local parts, at, valid = {}, 1, true
  while at <= #bytes do
    local _, last = bytes:find("^[\1-\127]+", at)
    if not last then last = end_of_character(bytes, at) end
    if last then
      parts[#parts + 1] = bytes:sub(at, last)
      at = last + 1
    else
      if bytes:byte(at) ~= 0 then valid = false end
      parts[#parts + 1] = REPLACEMENT
      at = at + 1
    end
  end
  return table.concat(parts), valid
end

-- As much of it as fits in a line.
local function brief(text)
  local MOST = 80
  text = text:gsub("%c", " ")
  if #text <= MOST then return text end
  -- Not in the middle of a character.
  return (text:sub(1, MOST):gsub("[\192-\255][\128-\191]*$", "")) .. "…"
end

-- ---- JSON ----

-- Parses JSON (RFC 8259); nil if it is invalid. Values are tables: `kind`, `value`, and their place in the text, `at`
-- (from 0) and `size`.
local function read_json(text)
  -- Our frames are not nested deeper.
  local MAX_DEPTH = 16
  local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
  local at = 1
  local read_value

  local function fail()
    error("not JSON", 0)
  end

  local function take(pattern)
    local from, to = text:find("^" .. pattern, at)
    if not from then return nil end
    at = to + 1
    return text:sub(from, to)
  end

  local function skip_blanks()
    take("[ \t\r\n]*")
  end

  local function encode_utf8(code)
    local function tail(shift)
      return string.char(128 + math.floor(code / 2 ^ shift) % 64)
    end
    if code < 0x80 then return string.char(code) end
    if code < 0x800 then return string.char(192 + math.floor(code / 64)) .. tail(0) end
    if code < 0x10000 then return string.char(224 + math.floor(code / 4096)) .. tail(6) .. tail(0) end
    return string.char(240 + math.floor(code / 2 ^ 18)) .. tail(12) .. tail(6) .. tail(0)
  end

  local function read_unicode()
    local digits = take("%x%x%x%x") or fail()
    local code = tonumber(digits, 16)
    if code < 0xd800 or code > 0xdfff then return encode_utf8(code) end
    local low = code < 0xdc00 and text:match("^\\u([dD][c-fC-F]%x%x)", at)
    -- A lone half of a pair.
    if not low then return REPLACEMENT end
    at = at + 6
    return encode_utf8(0x10000 + (code - 0xd800) * 0x400 + tonumber(low, 16) - 0xdc00)
  end

  local function read_string()
    if not take('"') then fail() end
    local parts = {}
    while not take('"') do
      local plain = take('[^"\\\0-\31]+')
      if plain then
        parts[#parts + 1] = plain
      elseif take("\\u") then
        parts[#parts + 1] = read_unicode()
      else
        if not take("\\") then fail() end
        parts[#parts + 1] = ESCAPES[take(".")] or fail()
      end
    end
    return table.concat(parts)
  end

  local function read_number()
    local digits = take("%-?0") or take("%-?[1-9]%d*") or fail()
    local fraction = take("%.%d+") or ""
    local exponent = take("[eE][+-]?%d+") or ""
    return tonumber(digits .. fraction .. exponent)
  end

  local function read_object(depth)
    local members = {}
    take("{")
    skip_blanks()
    if take("}") then return members end
    repeat
      skip_blanks()
      local name = read_string()
      skip_blanks()
      if not take(":") then fail() end
      -- If a name appears twice, the last one counts.
      members[name] = read_value(depth)
    until not take(",")
    if not take("}") then fail() end
    return members
  end

  local function read_array(depth)
    local items = {}
    take("%[")
    skip_blanks()
    if take("%]") then return items end
    repeat
      items[#items + 1] = read_value(depth)
    until not take(",")
    if not take("%]") then fail() end
    return items
  end

  function read_value(depth)
    if depth > MAX_DEPTH then fail() end
    skip_blanks()
    local from = at
    local first = text:sub(at, at)
    local kind, value
    if first == '"' then
      kind, value = "string", read_string()
    elseif first == "{" then
      kind, value = "object", read_object(depth + 1)
    elseif first == "[" then
      kind, value = "array", read_array(depth + 1)
    elseif take("null") then
      kind = "null"
    elseif take("true") then
      kind, value = "boolean", true
    elseif take("false") then
      kind, value = "boolean", false
    else
      kind, value = "number", read_number()
    end
    local size = at - from
    skip_blanks()
    return { kind = kind, value = value, at = from - 1, size = size }
  end

  local is_json, result = pcall(read_value, 0)
  if not is_json or at <= #text then return nil end
  return result
end

-- ---- values in JSON ----

-- Each returns the value to show, or nil if it is invalid.

local function integer(min, max)
  return function(json)
    local value = json.value
    if json.kind == "number" and value >= min and value <= max and value % 1 == 0 then return value end
    return nil
  end
end

local function matching(pattern, max)
  return function(json)
    if json.kind == "string" and #json.value <= max and json.value:find(pattern) then return json.value end
    return nil
  end
end

local base64url = matching("^[%w_-]+$", 1024)
local position = integer(0, MAX_POSITION)

local function sixteen_bytes(json)
  local text = matching("^[%w_-]*[AQgw]$", 22)(json)
  return text and #text == 22 and text or nil
end

local function public_key(json)
  local digits = matching("^%d%d?%d?$", 3)(json)
  if digits and tonumber(digits) <= 255 then return tonumber(digits) end
  return nil
end

-- As the classic protocol prints a number.
local function is_classic_key(bytes)
  return bytes:find("^%d%d?%d?$") and tonumber(bytes) <= 255 and tostring(tonumber(bytes)) == bytes
end

-- At most 1000 UTF-16 code units, which is what JavaScript counts.
local function sentence(json)
  if json.kind ~= "string" then return nil end
  local units = 0
  for first in json.value:gmatch("[\0-\127\194-\244]") do
    units = units + (first:byte() >= 240 and 2 or 1)
  end
  if units > 1000 then return nil end
  return json.value
end

local function room_state(json)
  return json.kind == "string" and ROOM_STATES[json.value] and json.value or nil
end

local function text_of(max)
  return function(json)
    if json.kind == "string" and #json.value <= max then return json.value end
    return nil
  end
end

local function key_text(json)
  local text = matching("^[%w+/]*[AEIMQUYcgkosw048]$", 43)(json)
  return text and #text == 43 and text or nil
end

-- HOST:PORT or [IPV6]:PORT
local function server(json)
  local text = matching("^[%w%._:%[%]-]+:[1-9]%d*$", 320)(json)
  return text and tonumber(text:match("%d+$")) <= 65535 and text or nil
end

local function boolean(json)
  if json.kind == "boolean" then return json.value end
  return nil
end

-- Anything else is valid and counts as false.
local function is_true(json)
  return json.kind == "boolean" and json.value
end

-- Characters that would make `NAME: text` ambiguous. Clients refuse more, which Wireshark cannot check: see
-- docs/protocol.md.
local function valid_name(json)
  local name = matching("^[^%s%c:#/][^%s%c:#]*$", 64)(json)
  if name and not name:find("(!)", 1, true) then return name end
  return nil
end

-- Bodies: name, field, check or the shape of an object, and whether it may be "missing". `each`: an array, and the check
-- or the shape of what is in it. `versioned`: in another version it may have any shape. `actions`: the shapes of objects
-- with these actions.
local BUDGET = {
  { "frames", f.frames, integer(1, 2 ^ 31) },
  { "frameBurst", f.frame_burst, integer(1, 2 ^ 31) },
  { "bytes", f.bytes, integer(1, 2 ^ 31) },
  { "byteBurst", f.byte_burst, integer(1, 2 ^ 31) },
}

-- What a member has left of it.
local LEFT = {
  { "frames", f.left_frames, integer(0, 2 ^ 31) },
  { "bytes", f.left_bytes, integer(0, 2 ^ 31) },
}
local RESUME = {
  { "token", f.token, base64url },
  { "room", f.room, position },
  { "own", f.own, position },
  { "proof", f.proof, base64url, "missing" },
}
local RULES_TOPIC = {
  { "text", f.topic_text, text_of(MAX_ANNOUNCEMENT) },
  { "time", f.topic_time, integer(0, MAX_TIME) },
}

-- The fields of MODERATE and NOTICE. Each returns a row.
local MAX_U32 = 2 ^ 32 - 1
local function row(name, field, check)
  return function(may_be) return { name, field, check, may_be } end
end
local ACTION = { "action", f.action, text_of(32) }
local MEMBER = row("member", f.member, integer(1, MAX_U32))
local SECONDS = row("seconds", f.seconds, integer(1, MAX_BAN_SECONDS))
local BAN = row("ban", f.ban, integer(1, MAX_U32))
local UNTIL = row("until", f.until_time, integer(0, MAX_TIME))
local REASON = row("reason", f.reason_text, text_of(MAX_REASON))
local TEXT = row("text", f.announcement, text_of(MAX_ANNOUNCEMENT))
local KEY = row("key", f.moderator, key_text)

local ABOUT_MEMBER = { ACTION, MEMBER(), REASON("missing") }
local WITH_REASON = { ACTION, REASON("missing") }
local ACTS = {
  kick = ABOUT_MEMBER,
  silence = ABOUT_MEMBER,
  unsilence = ABOUT_MEMBER,
  ban = { ACTION, MEMBER(), SECONDS("missing"), REASON("missing") },
  unban = { ACTION, BAN() },
  lock = WITH_REASON,
  unlock = WITH_REASON,
  announce = { ACTION, TEXT() },
  op = { ACTION, KEY() },
  deop = { ACTION, KEY() },
}

-- A NOTICE may have each field, and must have one.
local function notice(needed)
  local shape = { ACTION }
  for _, one in ipairs({ MEMBER, KEY, BAN, UNTIL, REASON, TEXT }) do
    shape[#shape + 1] = one(one ~= needed and "missing" or nil)
  end
  return shape
end
local NOTICE = notice(nil)
NOTICE.actions = {
  kick = notice(MEMBER),
  ban = notice(MEMBER),
  unban = notice(BAN),
  silence = notice(MEMBER),
  unsilence = notice(MEMBER),
  announce = notice(TEXT),
  op = notice(KEY),
  deop = notice(KEY),
  topic = notice(TEXT),
}

local ONE_BAN = {
  { "ban", f.ban, integer(1, MAX_U32) },
  { "member", f.member, integer(0, MAX_U32) },
  { "by", f.by, integer(0, MAX_U32) },
  { "since", f.ban_time, integer(0, MAX_TIME) },
  { "until", f.until_time, integer(0, MAX_TIME), "missing" },
  { "reason", f.reason_text, text_of(MAX_REASON), "missing" },
}

local COMPLAINT = {
  { "code", f.code, matching("^[a-z-]+$", 32) },
  { "message", f.sentence, sentence },
}
local SHAPES = {
  GREETING = {
    versioned = true,
    { "version", f.version, integer(1, 0xffff) },
    { "cipher", f.cipher, matching("^[a-z]+$", 32) },
    { "key", f.key, public_key, "missing" },
    { "maxFrame", f.max_frame, integer(MAX_FRAME_BEFORE_ADMISSION, 2 ^ 31) },
    { "nonce", f.nonce, sixteen_bytes, "missing" },
    { "budget", f.budget, BUDGET, "missing" },
    { "record", f.record, base64url, "missing" },
    { "state", f.state, room_state, "missing" },
    { "time", f.time, integer(0, MAX_TIME), "missing" },
  },
  LOGIN = {
    { "message", f.login, base64url },
    { "tries", f.tries, integer(0, 0xffff), "missing" },
    { "ticket", f.ticket, base64url, "missing" },
  },
  HELLO = {
    versioned = true,
    { "version", f.version, integer(1, 0xffff) },
    { "resume", f.resume, RESUME, "missing" },
    { "proof", f.proof, base64url, "missing" },
    { "ticket", f.ticket, base64url, "missing" },
  },
  SEAT = {
    { "log", f.log, base64url },
    { "room", f.room, position },
    { "chain", f.chain, base64url, "missing" },
  },
  WELCOME = {
    { "room", f.room, position },
    { "chain", f.chain, base64url, "missing" },
    { "own", f.own, position },
    { "members", f.members, integer(0, 2 ^ 32 - 1) },
    { "accepted", f.accepted, position, "missing" },
    { "said", f.said, position, "missing" },
    { "token", f.token, base64url, "missing" },
    { "grace", f.grace, position, "missing" },
    { "left", f.budget_left, LEFT, "missing" },
    { "moderators", f.moderator, { each = key_text }, "missing" },
    { "locked", f.is_locked, boolean, "missing" },
    { "readOnly", f.is_read_only, boolean, "missing" },
    { "silenced", f.silenced, { each = integer(1, MAX_U32) }, "missing" },
    { "topic", f.given_topic, RULES_TOPIC, "missing" },
    { "servers", f.server, { each = server }, "missing" },
  },
  MODERATE = { ACTION, actions = ACTS },
  NOTICE = NOTICE,
  BANS = {
    { "bans", f.one_ban, { each = ONE_BAN } },
  },
  ERROR = COMPLAINT,
  WARNING = COMPLAINT,
  PROFILE_OPENED = {
    { "name", f.name, valid_name },
    { "classic", f.is_classic, is_true, "missing" },
    { "status", f.status, matching("^%C+$", 400), "missing" },
  },
}

-- Wireshark's own type for numbers over 32 bits.
local IS_LONG = {
  [f.room] = true,
  [f.own] = true,
  [f.accepted] = true,
  [f.said] = true,
  [f.grace] = true,
  [f.time] = true,
  [f.topic_time] = true,
  [f.until_time] = true,
  [f.ban_time] = true,
}

local add_object

-- Adds one value to the tree: `check` is a check, a shape, or `each`. Returns it, or nil and the fault.
local function add_value(tree, tvb, name, field, member, check)
  local fault = name .. " is not what it must be"
  local range = tvb(member.at, member.size)
  if type(check) == "table" and check.each then
    if member.kind ~= "array" then return nil, fault end
    local values = {}
    for _, one in ipairs(member.value) do
      local value, why = add_value(tree, tvb, name, field, one, check.each)
      if value == nil then return nil, why end
      values[#values + 1] = value
    end
    return values
  end
  if type(check) == "table" then
    if member.kind ~= "object" then return nil, fault end
    return add_object(tree:add(field, range), tvb, member, check)
  end
  local value = check(member)
  if value == nil then return nil, fault end
  if IS_LONG[field] then
    tree:add(field, range, UInt64.new(value % 2 ^ 32, math.floor(value / 2 ^ 32)))
  elseif type(value) == "string" then
    tree:add(field, range, (readable(value)))
  else
    tree:add(field, range, value)
  end
  return value
end

-- Adds an object's values to the tree. Returns them by name, or nil and the fault if it has another shape.
function add_object(tree, tvb, json, shape)
  local action = shape.actions and json.value.action
  if action and action.kind == "string" then shape = shape.actions[action.value] or shape end
  local values = {}
  for _, row in ipairs(shape) do
    local name, field, check, may_be = row[1], row[2], row[3], row[4]
    local member = json.value[name]
    if member then
      local value, fault = add_value(tree, tvb, name, field, member, check)
      if value == nil then return nil, fault end
      values[name] = value
    elseif not may_be then
      return nil, name .. " is missing"
    end
  end
  return values
end

local OTHER_VERSION = "This dissector knows version " .. VERSION .. " of the protocol"

local function is_other_version(json)
  local version = json and integer(1, 0xffff)(json)
  return version and version ~= VERSION
end

-- Like `add_object`, for bytes that should be JSON. A fault is shown in the tree.
local function add_json(tree, tvb, shape, fault)
  local text = tvb:len() > 0 and tvb:raw() or ""
  local _, valid = readable(text)
  local json = valid and read_json(text)
  local values, reason
  if not json then
    reason = "it is not JSON"
  elseif json.kind ~= "object" then
    reason = "it is not an object"
  elseif shape.versioned and is_other_version(json.value.version) then
    -- The rest of a body of another version is unknown.
    tree:add_proto_expert_info(e.unexpected, OTHER_VERSION)
    return nil
  else
    values, reason = add_object(tree, tvb, json, shape)
  end
  if not values then tree:add_proto_expert_info(fault, reason) end
  return values
end

-- ---- ciphers ----

-- For each public key so far: each sealed byte, opened.
local opening = {}

local function private_key(public)
  return (public - 10) % 256
end

local function xor(a, b)
  local result, place = 0, 1
  while a > 0 or b > 0 do
    if a % 2 ~= b % 2 then result = result + place end
    a, b, place = math.floor(a / 2), math.floor(b / 2), place * 2
  end
  return result
end

local function open(bytes, public)
  local map = opening[public]
  if not map then
    map = {}
    for byte = 0, 255 do
      map[string.char(byte)] = string.char(xor(byte, private_key(public)))
    end
    opening[public] = map
  end
  return (bytes:gsub(".", map))
end

-- Shows sealed bytes opened. Returns them as a separate buffer, or nil if they are empty.
local function add_opened(tree, bytes, key)
  if bytes == "" then return nil end
  local tvb = ByteArray.new(open(bytes, key), true):tvb("Opened with the key " .. key)
  tree:add(f.plain, tvb(), tvb:raw()):set_generated()
  return tvb
end

local SEALED_MIN = { message = 120, direct = 96, profile = 200, data = 24, topic = 120 }

-- The visible parts of a sealed body: everything but the content.
local function add_sealed(tree, range, use)
  local size = range:len()
  local item = tree:add(f.sealed, range)
  if size < SEALED_MIN[use] then
    local shortest = {
      message = "message to the room",
      direct = "direct message",
      profile = "profile",
      data = "file data",
      topic = "topic",
    }
    item:add_proto_expert_info(e.unreadable, "It is shorter than every sealed " .. shortest[use])
    return "too short"
  end
  local at = 0
  if use == "profile" then
    item:add(f.salt, range(0, 16))
    at = 16
  end
  item:add(f.counter, range(at, 8))
  item:add(f.secret, range(at + 8, size - at - 8 - 16))
  item:add(f.tag, range(size - 16, 16))
  local inside = size - SEALED_MIN[use]
  local contents = { profile = "a profile", data = "file data", topic = "a topic" }
  local what = contents[use] or "an envelope"
  item:append_text(": " .. what .. " of " .. inside .. " bytes, which only members can open")
  return "sealed, " .. inside .. " bytes inside"
end

-- ---- envelopes ----

local function unreadable(tree, why)
  tree:add_proto_expert_info(e.unreadable, why)
  return "(invalid)"
end

local function add_text(tree, tvb, at)
  if at >= tvb:len() then
    tree:add(f.text, tvb(at, 0), "")
    return ""
  end
  local range = tvb(at)
  local text, valid = readable(range:raw())
  local item = tree:add(f.text, range, text)
  if not valid then return unreadable(item, "It is not UTF-8") end
  return text
end

-- Of a chunk and of a name, in bytes.
local MAX_PIECE, MAX_FILE_NAME = 252 * 1024, 1024

-- Whether a number of eight bytes has more than 53 bits.
local function is_inexact(range)
  return range(0, 1):uint() > 0 or range(1, 1):uint() > 0x1f
end

-- Adds the file message at this place. Returns its size and kind, or nil if it is invalid.
local function add_file_message(tree, tvb, at)
  local left = tvb:len() - at
  if left < 17 then return nil end
  local kind = string.char(tvb(at, 1):uint())
  local sizes = { O = 27, Q = 29, R = 61, H = 49, N = 17, C = 29, W = 18, D = 18, E = 17, L = 17 }
  local size = sizes[kind]
  if not size or left < size then return nil end
  if kind == "O" and is_inexact(tvb(at + 17, 8)) then return nil end
  if kind == "C" and is_inexact(tvb(at + 17, 8)) then return nil end
  if (kind == "Q" or kind == "R") and is_inexact(tvb(at + 21, 8)) then return nil end
  -- The name follows an offer, and the data a chunk.
  if kind == "O" then
    local length = tvb(at + 25, 2):uint()
    if length > MAX_FILE_NAME then return nil end
    size = size + length
  elseif kind == "C" then
    local length = tvb(at + 25, 4):uint()
    if length == 0 or length > MAX_PIECE then return nil end
    size = size + length
  end
  if left < size then return nil end
  -- An empty folder, which has no bytes.
  local is_folder = kind == "O" and size > 27 and tvb(at + size - 1, 1):uint() == 0x2f
  if is_folder and tvb(at + 17, 8):uint64() > UInt64(0) then return nil end

  local item = tree:add(f.file_message, tvb(at, 1))
  item:set_len(size)
  item:add(f.transfer, tvb(at + 1, 16))
  if kind == "O" then
    item:add(f.size, tvb(at + 17, 8))
    local name = ""
    if size > 27 then name = readable(tvb(at + 27, size - 27):raw()) end
    item:add(f.file_name, tvb(at + 27, size - 27), name)
  elseif kind == "Q" or kind == "R" then
    item:add(f.generation, tvb(at + 17, 4))
    item:add(f.offset, tvb(at + 21, 8))
    if kind == "R" then item:add(f.sha256, tvb(at + 29, 32)) end
  elseif kind == "C" then
    item:add(f.offset, tvb(at + 17, 8))
    item:add(f.part, tvb(at + 25, 4))
    item:add(f.data, tvb(at + 29, size - 29))
  elseif kind == "H" then
    item:add(f.sha256, tvb(at + 17, 32))
  elseif kind == "W" or kind == "D" then
    item:add(f.reason, tvb(at + 17, 1))
  end
  return size, FILE_MESSAGES[kind:byte()]:sub(4)
end

-- In one message.
local MAX_FILE_MESSAGES = 256

-- The chunks of DATA, or file messages, among which there are none.
local function add_all_file_messages(tree, tvb, at, are_chunks)
  local words = {}
  while at < tvb:len() do
    local is_chunk = tvb(at, 1):uint() == 0x43
    local size, what = add_file_message(tree, tvb, at)
    if not size or is_chunk ~= are_chunks then return unreadable(tree, "A file message is invalid") end
    if not are_chunks and #words == MAX_FILE_MESSAGES then return unreadable(tree, "It has too many file messages") end
    words[#words + 1] = what
    at = at + size
  end
  return "files: " .. table.concat(words, ", ")
end

local function add_file_messages(tree, tvb, at)
  if at >= tvb:len() then return unreadable(tree, "It is cut short") end
  tree:add(f.refused, tvb(at, 1))
  return add_all_file_messages(tree, tvb, at + 1, false)
end

local REFERENCE_SIZE = 16
-- What the line of a frame says before the text.
local ABOUT = { Q = "answers: ", E = "corrects: ", D = "deletes a message", ["+"] = "reacts ", ["-"] = "takes back " }

-- An envelope about an earlier message.
local function add_about(tree, item, tvb, at, kind)
  local from = at + 1 + REFERENCE_SIZE
  if tvb:len() < from then return unreadable(item, "Its reference is cut short") end
  tree:add(f.reference, tvb(at + 1, REFERENCE_SIZE))
  if kind == "D" then
    if tvb:len() > from then return unreadable(item, "It goes on after its end") end
    return ABOUT.D
  end
  if kind == "+" or kind == "-" then
    local emoji = tvb:len() > from and tvb(from):raw() or ""
    -- An approximation: Lua knows no graphemes.
    if emoji:find("^%s*$") or #emoji > 64 or emoji:find("%w%w") then
      return unreadable(item, "A reaction is one emoji")
    end
  end
  if kind ~= "Q" then return ABOUT[kind] .. add_text(tree, tvb, from) end
  if tvb:len() == from then return unreadable(item, "The answer is empty") end
  local inner = string.char(tvb(from, 1):uint())
  local inner_item = tree:add(f.kind, tvb(from, 1))
  if inner ~= "T" and inner ~= "A" then return unreadable(inner_item, "An answer is a text or an action") end
  return ABOUT.Q .. (inner == "A" and "* " or "") .. add_text(tree, tvb, from + 1)
end

local function add_envelope(tree, tvb, at, has_message_id)
  if at >= tvb:len() then return unreadable(tree, "The envelope is empty") end
  local kind = string.char(tvb(at, 1):uint())
  local item = tree:add(f.kind, tvb(at, 1))
  if kind == "T" then return add_text(tree, tvb, at + 1) end
  if kind == "A" then return "* " .. add_text(tree, tvb, at + 1) end
  if kind == "F" then return add_file_messages(tree, tvb, at + 1) end
  if ABOUT[kind] then return add_about(tree, item, tvb, at, kind) end
  if kind == "X" then
    if has_message_id then return unreadable(item, "The number of refused messages comes first") end
    if tvb:len() - at < 5 then return unreadable(item, "The number of refused messages is cut short") end
    local refused = tvb(at + 1, 4):uint()
    local count = tree:add(f.refused_before, tvb(at + 1, 4))
    if refused == 0 then return unreadable(count, "No message was refused") end
    local next_kind = tvb:len() > at + 5 and tvb(at + 5, 1):uint()
    if next_kind ~= 0x4e and next_kind ~= 0x52 then return unreadable(item, "It has no message id") end
    return "after " .. refused .. " refused: " .. add_envelope(tree, tvb, at + 5, false)
  end
  if kind ~= "N" and kind ~= "R" then return unreadable(item, "No known version has this kind") end
  if has_message_id then return unreadable(item, "It has two message ids") end
  if tvb:len() - at < 13 then return unreadable(item, "Its message id is cut short") end
  tree:add(f.origin, tvb(at + 1, 8))
  local seq = tree:add(f.seq, tvb(at + 9, 4))
  if tvb(at + 9, 4):uint() == 0 then return unreadable(seq, "Seqs begin at 1") end
  return add_envelope(tree, tvb, at + 13, true)
end

-- ---- bodies ----

-- Each adds a body to the tree and returns the text for the frame's line. `c` is the conversation; `is_direct`: it is a
-- direct message; `id`: the frame's.

local function add_message(tree, range, c, use)
  if c.cipher == "sealed" then return add_sealed(tree, range, use) end
  tree:add(f.body, range)
  if not c.key then
    tree:add_proto_expert_info(e.unknown)
    return range:len() .. " bytes"
  end
  local opened = add_opened(tree, range:raw(), c.key)
  return brief(add_envelope(tree, opened, 0, false))
end

local function add_profile(tree, range, c)
  local bytes = range:raw()
  tree:add(f.profile, range)
  if #bytes > MAX_PROFILE then
    tree:add_proto_expert_info(e.too_large, "The profile has more than " .. MAX_PROFILE .. " bytes")
  end
  if c.cipher == "sealed" then return add_sealed(tree, range, "profile") end
  if not c.key then
    tree:add_proto_expert_info(e.unknown)
    return #bytes .. " bytes"
  end
  local opened = add_opened(tree, bytes, c.key)
  if not opened then return "without a name" end
  local values = add_json(tree, opened, SHAPES.PROFILE_OPENED, e.unreadable)
  return values and brief(readable(values.name)) or "(invalid)"
end

local function add_topic_text(tree, range, c)
  local size = range and range:len() or 0
  if range then tree:add(f.topic, range) end
  if size > MAX_TOPIC then
    tree:add_proto_expert_info(e.too_large, "The topic has more than " .. MAX_TOPIC .. " bytes")
  end
  if c.cipher == "sealed" then
    return range and add_sealed(tree, range, "topic") or unreadable(tree, "A sealed topic is not empty")
  end
  if not c.key then
    tree:add_proto_expert_info(e.unknown)
    return size .. " bytes"
  end
  if not range then return "(removed)" end
  if size > MAX_TOPIC_TEXT then unreadable(tree, "The topic has more than " .. MAX_TOPIC_TEXT .. " bytes") end
  return brief(add_text(tree, add_opened(tree, range:raw(), c.key), 0))
end

-- From now on the sender of this packet may send longer frames.
local function admit(c, pinfo)
  if not c.admitted[sender(pinfo)] then c.admitted[sender(pinfo)] = pinfo.number end
end

local BODIES = {}

local function add_nothing(tree, range)
  if range then
    tree:add(f.body, range)
    tree:add_proto_expert_info(e.malformed, "It must have no body")
  end
  return nil
end
BODIES.PING, BODIES.PONG, BODIES.BYE = add_nothing, add_nothing, add_nothing

-- For bodies of a fixed size: nil if it differs.
local function of_size(tree, range, size)
  local have = range and range:len() or 0
  if have == size then return true end
  if range then tree:add(f.body, range) end
  tree:add_proto_expert_info(e.malformed, "It has " .. have .. " bytes, it must have " .. size)
  return false
end

local function add_named(tree, field, range, names)
  local item = tree:add(field, range)
  local name = names[range:uint()]
  if not name then item:add_proto_expert_info(e.malformed, "This value does not exist") end
  return name
end

function BODIES.ACK(tree, range, _, _, _, id)
  if not of_size(tree, range, 5) then return nil end
  tree:add(id == 0 and f.answered or f.count, range(0, 4))
  local outcome = add_named(tree, f.outcome, range(4, 1), OUTCOMES)
  return outcome and id == 0 and outcome .. ", frame " .. range(0, 4):uint() or outcome
end

function BODIES.LEFT(tree, range)
  return of_size(tree, range, 1) and add_named(tree, f.left, range, LEFT_REASONS) or nil
end

function BODIES.AWAY(tree, range)
  local is_away = range and range(0, 1):uint() == 1
  if not of_size(tree, range, is_away and 9 or 1) then return nil end
  local name = add_named(tree, f.away, range(0, 1), AWAY_STATES)
  if is_away then
    local item = tree:add(f.since, range(1, 8))
    if range(1, 4):uint() * 2 ^ 32 + range(5, 4):uint() > MAX_TIME then
      item:add_proto_expert_info(e.malformed, "No clock shows this time")
    end
  end
  return name
end

function BODIES.HAVE(tree, range)
  if not of_size(tree, range, 8) then return nil end
  local item = tree:add(f.position, range)
  if range(0, 4):uint() * 2 ^ 32 + range(4, 4):uint() > MAX_POSITION then
    item:add_proto_expert_info(e.malformed, "No position has more than 53 bits")
  end
  return "up to " .. tostring(range:uint64())
end

function BODIES.GRANT(tree, range)
  if not of_size(tree, range, 12) then return nil end
  tree:add(f.generation, range(0, 4))
  local item = tree:add(f.total, range(4, 8))
  if range(4, 4):uint() * 2 ^ 32 + range(8, 4):uint() > MAX_POSITION then
    item:add_proto_expert_info(e.malformed, "No total has more than 53 bits")
  end
  return "up to " .. tostring(range(4, 8):uint64()) .. " bytes"
end

function BODIES.DATA(tree, range, c)
  if not range or range:len() < 4 then
    if range then tree:add(f.body, range) end
    tree:add_proto_expert_info(e.malformed, "It ends within its generation")
    return nil
  end
  tree:add(f.generation, range(0, 4))
  local size = range:len() - 4
  if size == 0 then return "0 bytes" end
  local sealed = range(4)
  if c.cipher == "sealed" then return add_sealed(tree, sealed, "data") end
  tree:add(f.body, sealed)
  if not c.key then return size .. " bytes" end
  return brief(add_all_file_messages(tree, add_opened(tree, sealed:raw(), c.key), 0, true))
end

-- What a new member is given has a profile, too: it comes between SEAT and the first JOINED. The position of that one
-- is known when Wireshark dissects the packet again.
local function is_given(range, c, pinfo)
  if not c.seated or sender(pinfo) ~= c.server then return false end
  local joined = c.joined
  if not joined or pinfo.number ~= joined.number then return not joined or pinfo.number < joined.number end
  return range ~= nil and range:offset() < joined.offset
end

function BODIES.TOPIC(tree, range, c, pinfo)
  if not is_given(range, c, pinfo) then return add_topic_text(tree, range, c) end
  local size = range and range:len() >= 2 and range(0, 2):uint()
  if not size or range:len() < 2 + size then
    if range then tree:add(f.body, range) end
    tree:add_proto_expert_info(e.malformed, "It is cut short")
    return nil
  end
  tree:add(f.profile_size, range(0, 2))
  local name = size > 0 and add_profile(tree, range(2, size), c) or "without a name"
  local text = add_topic_text(tree, range:len() > 2 + size and range(2 + size) or nil, c)
  return "given, of " .. name .. ": " .. text
end

local function add_said(tree, range, c, _, is_direct)
  if range then return add_message(tree, range, c, is_direct and "direct" or "message") end
  -- The server accepts it, but its receivers cannot read it.
  return unreadable(tree, "The envelope is empty")
end
BODIES.MESSAGE, BODIES.DIRECT = add_said, add_said

local function add_who(tree, range, c)
  if not range then return "without a name" end
  return add_profile(tree, range, c)
end
BODIES.PROFILE, BODIES.MEMBER = add_who, add_who

function BODIES.JOINED(tree, range, c, pinfo)
  if c.seated and not c.joined then c.joined = { number = pinfo.number, offset = range and range:offset() or 0 } end
  return add_who(tree, range, c)
end

local function add_json_body(tree, range, name)
  if not range then
    tree:add_proto_expert_info(e.malformed, "It has no body")
    return nil
  end
  tree:add(f.json, range, (readable(range:raw())))
  return add_json(tree, range:tvb(), SHAPES[name], e.malformed)
end

function BODIES.GREETING(tree, range, c, pinfo)
  local greeting = add_json_body(tree, range, "GREETING")
  if not greeting then return nil end
  if not pinfo.visited then c.cipher, c.key = greeting.cipher, nil end
  if greeting.cipher == "sealed" then return "sealed" end
  if greeting.cipher ~= "xor" then
    tree:add_proto_expert_info(e.malformed, "This cipher does not exist")
    return greeting.cipher
  end
  if not greeting.key then
    tree:add_proto_expert_info(e.malformed, "key is missing")
    return "xor"
  end
  if not pinfo.visited then c.key = greeting.key end
  tree:add(f.private_key, private_key(greeting.key)):set_generated()
  tree:add_proto_expert_info(e.open)
  return "xor, key " .. greeting.key
end

function BODIES.LOGIN(tree, range)
  local login = add_json_body(tree, range, "LOGIN")
  return login and login.tries and login.tries .. " tries left" or nil
end

function BODIES.HELLO(tree, range, c, pinfo)
  local hello = add_json_body(tree, range, "HELLO")
  if not hello or not hello.resume then return nil end
  admit(c, pinfo)
  return "goes on with its session"
end

function BODIES.SEAT(tree, range, c, pinfo)
  c.seated = true
  -- WELCOME may be long.
  admit(c, pinfo)
  local seat = add_json_body(tree, range, "SEAT")
  return seat and "the log is at " .. string.format("%.0f", seat.room) or nil
end

function BODIES.WELCOME(tree, range)
  local welcome = add_json_body(tree, range, "WELCOME")
  return welcome and welcome.members .. " before it" or nil
end

-- As `ban 7: spam`.
local function act_text(act)
  local object = act.member or act.ban or act.key
  local text = act.text or act.reason
  local head = act.action .. (object and " " .. string.format(act.key and "%s" or "%.0f", object) or "")
  return brief(readable(head .. (text and ": " .. text or "")))
end

function BODIES.MODERATE(tree, range)
  if not range or range:len() < MODERATE_HEAD then
    if range then tree:add(f.body, range) end
    tree:add_proto_expert_info(e.malformed, "It is cut short")
    return nil
  end
  tree:add(f.identity, range(0, 32))
  tree:add(f.signature, range(32, 64))
  tree:add(f.number, range(96, 4))
  local act = add_json_body(tree, range:len() > MODERATE_HEAD and range(MODERATE_HEAD) or nil, "MODERATE")
  return act and act_text(act) or nil
end

function BODIES.NOTICE(tree, range)
  local act = add_json_body(tree, range, "NOTICE")
  return act and act_text(act) or nil
end

function BODIES.BANS(tree, range)
  local list = add_json_body(tree, range, "BANS")
  return list and tostring(#list.bans) or nil
end

local function add_complaint(name)
  return function(tree, range)
    local complaint = add_json_body(tree, range, name)
    if not complaint then return nil end
    tree:add_proto_expert_info(e.refused, complaint.code)
    return complaint.code .. ": " .. brief(readable(complaint.message))
  end
end
BODIES.ERROR, BODIES.WARNING = add_complaint("ERROR"), add_complaint("WARNING")

-- ---- frames ----

-- The meaning of the id for a frame of this type; nil if it is 0 and has no meaning.
local function whom(name, id, from_server)
  if name == "MESSAGE" and not from_server then return id == 0 and "to the room" or "to " .. id end
  if name == "MESSAGE" or name == "DIRECT" then return "from " .. id end
  if name == "ACK" and id == 0 then return nil end
  if name == "ACK" or name == "GRANT" or name == "BANS" then return "to " .. id end
  if name == "NOTICE" then return id == 0 and "of the operator" or "of " .. id end
  if name == "DATA" then return (from_server and "from " or "to ") .. id end
  if name == "TOPIC" then return id ~= 0 and "from " .. id or nil end
  if name == "WELCOME" or name == "SEAT" then return "member " .. id end
  if id ~= 0 then return "member " .. id end
  return nil
end

local function add_frame(tvb, pinfo, tree, c)
  local length, number, id = tvb(0, 4):uint(), tvb(4, 1):uint(), tvb(5, 4):uint()
  local name = TYPES[number]
  local by = name and SENT_BY[name]
  if by and not c.server then c.server = by == "server" and sender(pinfo) or receiver(pinfo) end
  local from_server = comes_from_server(pinfo, c)

  local item = tree:add(chat, tvb())
  item:add(f.length, tvb(0, 4))
  local kind = item:add(f.type, tvb(4, 1))
  local id_item = item:add(f.id, tvb(5, 4))
  local range = tvb:len() > HEADER_SIZE and tvb(HEADER_SIZE) or nil

  if not name then
    kind:add_proto_expert_info(e.unexpected, "This type does not exist")
    if range then item:add(f.body, range) end
    item:append_text(", no type " .. number)
    return "no type " .. number
  end
  if by and from_server ~= (by == "server") then
    kind:add_proto_expert_info(e.unexpected, "Only the " .. by .. " may send this")
  end
  if name == "PROFILE" or name == "WELCOME" then admit(c, pinfo) end
  local head = name
  local who = whom(name, id, from_server)
  if who then
    head = head .. " " .. who
    id_item:append_text(" (" .. who .. ")")
  end
  item:append_text(", " .. head)
  local is_direct = name == "DIRECT" or (name == "MESSAGE" and not from_server and id ~= 0)
  local said = BODIES[name](item, range, c, pinfo, is_direct, id)
  return said and head .. ": " .. said or head
end

local function add_preface(tvb, pinfo, tree, c)
  if not c.server then c.server = receiver(pinfo) end
  c.has_preface = true
  local item = tree:add(chat, tvb())
  local text = tvb:raw()
  item:add(f.preface, tvb(), text:sub(1, -2))
  item:append_text(", preface")
  local version = tonumber(text:match("%d+"))
  if version ~= VERSION then
    item:add_proto_expert_info(e.unexpected, OTHER_VERSION)
  end
  return "Preface " .. text:sub(1, -2)
end

-- The frame at this place: its size and how to add it; or how many bytes are missing; or the fault.
--   { size, add }   { missing }   { fault, why }
local function next_piece(tvb, at, limit)
  local have = tvb:len() - at
  local start = tvb(at, math.min(have, MAX_PREFACE)):raw()
  if start:find("^chat/%d%d?%d?%d?%d?\n") then
    return { size = start:find("\n", 1, true), add = add_preface }
  end
  -- No length begins like this: it would be a billion.
  if ("chat/"):sub(1, #start) == start or start:find("^chat/%d?%d?%d?%d?%d?$") then
    return { missing = DESEGMENT_ONE_MORE_SEGMENT }
  end
  if have < 4 then return { missing = DESEGMENT_ONE_MORE_SEGMENT } end
  local length = tvb(at, 4):uint()
  if length < MIN_LENGTH then
    return { fault = e.malformed, why = "A length of " .. length .. ": it is at least " .. MIN_LENGTH }
  end
  if length > limit then
    return { fault = e.too_large, why = "A length of " .. length .. ": here it is at most " .. limit }
  end
  if have < 4 + length then return { missing = 4 + length - have } end
  return { size = 4 + length, add = add_frame }
end

local function add_rest(tvb, tree, fault, why)
  local item = tree:add(chat, tvb())
  item:add(f.body, tvb())
  item:append_text(", not understood")
  if why then
    item:add_proto_expert_info(fault, why)
  else
    item:add_proto_expert_info(fault)
  end
end

-- The maximum length of a frame from this side now.
local function limit_of(pinfo, c)
  local admitted = c.admitted[sender(pinfo)]
  local is_unadmitted = c.has_preface and (not admitted or pinfo.number < admitted)
  return is_unadmitted and MAX_FRAME_BEFORE_ADMISSION or MAX_FRAME
end

local function dissect_frames(tvb, pinfo, tree, c)
  -- If a packet was captured in part, its rest never comes.
  local is_whole = tvb:len() == tvb:reported_len()
  local words, at = {}, 0
  local broken = c.broken[sender(pinfo)]
  if broken and broken < pinfo.number then
    add_rest(tvb, tree, e.lost)
    return { "Not understood" }
  end
  while at < tvb:len() do
    local piece = next_piece(tvb, at, limit_of(pinfo, c))
    if piece.size then
      words[#words + 1] = piece.add(tvb(at, piece.size):tvb(), pinfo, tree, c)
      at = at + piece.size
    elseif piece.missing and is_whole and pinfo.can_desegment > 0 then
      pinfo.desegment_offset = at
      pinfo.desegment_len = piece.missing
      break
    else
      if not piece.missing then c.broken[sender(pinfo)] = broken or pinfo.number end
      add_rest(tvb(at):tvb(), tree, piece.fault or e.cut, piece.why)
      words[#words + 1] = piece.why or "Part of a frame"
      break
    end
  end
  return words
end

-- ---- the classic protocol ----

local function dissect_classic(tvb, pinfo, tree, c)
  local from_server = comes_from_server(pinfo, c)
  local bytes = tvb:raw()
  if not pinfo.visited and c.digits and not c.parts[pinfo.number] then
    -- The key may come in two pieces, before any client sends.
    local longer = c.digits .. bytes
    if from_server and is_classic_key(longer) then
      c.digits, c.key = longer, tonumber(longer)
      c.parts[pinfo.number] = longer
    else
      c.digits = nil
    end
  end
  local item = tree:add(chat, tvb())
  local classic = item:add(f.classic, tvb())
  local digits = c.parts[pinfo.number]
  if digits then
    local key = tonumber(digits)
    classic:add(f.key, tvb(), key)
    classic:add(f.private_key, private_key(key)):set_generated()
    classic:add_proto_expert_info(e.open)
    item:append_text(", public key " .. key)
    return { "Classic, public key " .. key }
  end
  classic:add(f.body, tvb())
  -- Messages have no borders: a character may end in the next packet, so the bytes cannot be checked for UTF-8.
  local opened = add_opened(classic, bytes, c.key)
  local text = readable(opened:raw())
  classic:add(f.text, opened(), text)
  local head = from_server and "from the server" or "to the server"
  item:append_text(", " .. head)
  return { "Classic, " .. head .. ": " .. brief(text) }
end

-- ---- the start of a conversation ----

local function has_preface(tvb)
  return tvb:len() > 0 and tvb(0, math.min(tvb:len(), MAX_PREFACE)):raw():find("^chat/%d+\n") ~= nil
end

local function begins_like_frame(bytes)
  if #bytes < 4 then return bytes:find("^\0\0?[\0-\4]?$") ~= nil end
  local a, b, c, d, number = bytes:byte(1, 5)
  local length = ((a * 256 + b) * 256 + c) * 256 + d
  return length >= MIN_LENGTH and length <= MAX_FRAME and (number == nil or TYPES[number] ~= nil)
end

-- The conversation that begins in this packet; nil if these bytes belong to another protocol.
local function begin(tvb, pinfo)
  local bytes = tvb(0, math.min(tvb:len(), MAX_PREFACE)):raw()
  local c = { start = pinfo.number, admitted = {}, broken = {}, parts = {} }
  local is_preface = bytes:find("^chat/%d") or ("chat/"):sub(1, #bytes) == bytes
  if is_preface or begins_like_frame(bytes) then
    c.framed = true
  elseif is_classic_key(bytes) then
    c.framed = false
    c.server = sender(pinfo)
    c.digits, c.key = bytes, tonumber(bytes)
    c.parts[pinfo.number] = bytes
  else
    return nil
  end
  return c
end

-- The conversation of this packet; nil if it belongs to another protocol.
local function conversation_of(tvb, pinfo)
  local all = conversations_of(pinfo)
  local found = nil
  for _, c in ipairs(all) do
    if c.start <= pinfo.number then found = c end
  end
  if pinfo.visited then return found end
  -- A second preface starts another conversation: no frame begins like this. The classic protocol shows no start,
  -- but the same server has the same key again.
  local is_again = found and found.has_preface and has_preface(tvb)
  if found and not is_again then return found end
  local c = begin(tvb, pinfo)
  all[#all + 1] = c
  return c
end

function chat.dissector(tvb, pinfo, tree)
  if tvb:len() == 0 then return 0 end
  local c = conversation_of(tvb, pinfo)
  if not c then return 0 end
  pinfo.cols.protocol = "CHAT"
  -- Another frame may have ended in this packet: its line stays, before the fence.
  pinfo.cols.info:clear()
  local dissect = c.framed and dissect_frames or dissect_classic
  local words = dissect(tvb, pinfo, tree, c)
  if #words > 0 then
    if tostring(pinfo.cols.info) ~= "" then pinfo.cols.info:append(", ") end
    pinfo.cols.info:append(table.concat(words, ", "))
    pinfo.cols.info:fence()
  end
  return tvb:len()
end

-- At other ports: the preface, with which no other protocol begins. Three digits do not identify the classic protocol,
-- so at another port the user has to select it (Decode As).
local function try(tvb, pinfo, tree)
  if not has_preface(tvb) then return false end
  pinfo.conversation = chat
  chat.dissector(tvb, pinfo, tree)
  return true
end

local table_of_ports = DissectorTable.get("tcp.port")
local ports = chat.prefs.port
table_of_ports:add(ports, chat)
table_of_ports:add_for_decode_as(chat)

function chat.prefs_changed()
  if ports == chat.prefs.port then return end
  table_of_ports:remove(ports, chat)
  ports = chat.prefs.port
  table_of_ports:add(ports, chat)
end

chat:register_heuristic("tcp", try)
