import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import { ERROR_CODES } from "../protocol.ts";
import type { LeftReason, Refusal } from "./events.ts";
import { CONTENT_TYPE, Counters, METRICS, type Readings, refusalOf } from "./metrics.ts";

const READINGS: Readings = {
  chat_members: 3,
  chat_members_away: 1,
  chat_connections: 4,
  chat_unadmitted_connections: 2,
  chat_room_log_bytes_held: 524288,
  chat_own_logs_bytes_held: 4096,
  chat_data_bytes_granted: 8,
  chat_state_bytes: 4096,
  chat_state_failed: 0,
  chat_process_resident_bytes: 66060288,
  chat_frames_received_total: 7,
  chat_bytes_received_total: 2 ** 40 + 1,
  chat_messages_total: 8,
  chat_bytes_appended_total: 9,
  chat_state_bytes_written_total: 10,
  chat_state_syncs_total: 11,
};

/** The value of each line that is not a comment, by the text before it. */
function values(text: string): Map<string, string> {
  const lines = text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return new Map(lines.map((line) => line.split(" ") as [string, string]));
}

Deno.test("Counters.render: has all metrics from the start, counters at 0", () => {
  const shown = values(new Counters().render(READINGS));
  for (const [name, value] of Object.entries(READINGS)) {
    assertEquals(shown.get(name), String(value));
  }
  for (const [series, value] of shown) if (!(series in READINGS)) assertEquals(value, "0", series);
  for (const name of Object.keys(METRICS)) {
    assert([...shown.keys()].some((series) => series.replace(/\{.*/, "") === name), name);
  }
  for (const code of [...ERROR_CODES, "other"]) {
    assert(shown.has(`chat_refused_total{code="${code}"}`), code);
  }
  for (const reason of ["bye", "lost", "slow", "refused"]) {
    assert(shown.has(`chat_left_total{reason="${reason}"}`), reason);
  }
});

Deno.test("Counters.render: HELP and TYPE come once before each metric, and each line ends with a newline", () => {
  const text = new Counters().render(READINGS);
  assert(text.startsWith(
    "# HELP chat_members Members in the room, including those away.\n" +
      "# TYPE chat_members gauge\nchat_members 3\n# HELP chat_members_away ",
  ));
  assert(text.includes(
    "# TYPE chat_direct_messages_total counter\n" +
      'chat_direct_messages_total{outcome="accepted"} 0\n' +
      'chat_direct_messages_total{outcome="busy"} 0\n' +
      'chat_direct_messages_total{outcome="gone"} 0\n# HELP ',
  ));
  assert(text.endsWith("\nchat_state_syncs_total 11\n"));
  // The grammar of the format, as far as it is used here.
  let metric = "";
  for (const line of text.trimEnd().split("\n")) {
    const [, help] = /^# HELP (\w+) \S.*\.$/.exec(line) ?? [];
    if (help !== undefined) metric = help;
    else if (line.startsWith("#")) {
      assertMatch(line, new RegExp(`^# TYPE ${metric} (counter|gauge)$`));
    } else assertMatch(line, new RegExp(`^${metric}(\\{[a-z]+="[a-z-]+"\\})? \\d+$`));
  }
});

Deno.test("METRICS: only counters end in _total, and all names begin with chat_", () => {
  for (const [name, { type }] of Object.entries(METRICS)) {
    assertMatch(name, /^chat_[a-z]+(?:_[a-z]+)*$/);
    assertEquals(name.endsWith("_total"), type === "counter", name);
  }
});

Deno.test("Counters.add: adds one, or a number, to one counter or label", () => {
  const counters = new Counters();
  counters.add("chat_joined_total");
  counters.add("chat_joined_total");
  counters.add("chat_warned_total", 2 ** 40);
  counters.add("chat_warned_total", 1);
  counters.add("chat_left_total", "lost");
  counters.add("chat_refused_total", "flood", 2);
  counters.add("chat_slowed_total", 0);
  const changed = [...values(counters.render(READINGS))]
    .filter(([series, value]) => !(series in READINGS) && value !== "0");
  assertEquals(changed, [
    ["chat_joined_total", "2"],
    ['chat_left_total{reason="lost"}', "1"],
    ['chat_refused_total{code="flood"}', "2"],
    ["chat_warned_total", "1099511627777"],
  ]);
});

Deno.test("Counters.add: refuses negative numbers and NaN", () => {
  const counters = new Counters();
  for (const by of [-1, NaN]) {
    assertThrows(() => counters.add("chat_joined_total", by), RangeError, "only go up");
    assertThrows(() => counters.add("chat_left_total", "bye", by), RangeError, "only go up");
  }
});

Deno.test("Counters.add: the compiler checks names, labels and gauges", () => {
  const counters = new Counters();
  const unused = () => {
    // @ts-expect-error: it does not exist
    counters.add("chat_nothing_total");
    // @ts-expect-error: a gauge is read, not counted
    counters.add("chat_members");
    // @ts-expect-error: it has a label
    counters.add("chat_left_total");
    // @ts-expect-error: it has no such label
    counters.add("chat_left_total", "bored");
    // @ts-expect-error: it has no label
    counters.add("chat_joined_total", "bye");
    // The reasons and codes of the log are labels.
    const [reason, code]: [LeftReason, Refusal] = ["bye", "other"];
    counters.add("chat_left_total", reason);
    counters.add("chat_refused_total", code);
  };
  assertEquals(typeof unused, "function");
});

Deno.test("refusalOf: returns codes of the protocol, and other for anything else", () => {
  for (const code of ERROR_CODES) assertEquals(refusalOf(code), code);
  for (const code of [undefined, "", "other", "Full", 'full"} 9\nchat_members', "toString"]) {
    assertEquals(refusalOf(code), "other");
  }
});

Deno.test("CONTENT_TYPE: has the version of the format", () => {
  assertEquals(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8");
});
