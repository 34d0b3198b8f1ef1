// The metrics of a server, as text for Prometheus (exposition format 0.0.4). Pure; knows no HTTP. All values of a
// label are known beforehand: nothing from the network ever becomes one.

import { ERROR_CODES, type ErrorCode } from "../protocol.ts";

interface Metric {
  readonly type: "counter" | "gauge";
  readonly help: string;
  /** Kept elsewhere, and read when the text is made. */
  readonly read?: true;
  /** The label that divides the counter. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
}

/** All metrics, in the order in which they are shown. */
export const METRICS = {
  chat_members: {
    type: "gauge",
    help: "Members in the room, including those away.",
  },
  chat_members_away: {
    type: "gauge",
    help: "Members that lost their connection and may resume.",
  },
  chat_connections: {
    type: "gauge",
    help: "Open connections, admitted or not.",
  },
  chat_unadmitted_connections: {
    type: "gauge",
    help: "Open connections that are not admitted yet.",
  },
  chat_room_log_bytes_held: {
    type: "gauge",
    help: "Bytes of memory that the room's log takes.",
  },
  chat_own_logs_bytes_held: {
    type: "gauge",
    help: "Bytes of memory that waiting direct messages take.",
  },
  chat_data_bytes_granted: {
    type: "gauge",
    help: "Bytes of file data that members may send or that wait for their receivers.",
  },
  chat_state_bytes: {
    type: "gauge",
    help: "Bytes of the files that keep the room (--state).",
  },
  chat_state_failed: {
    type: "gauge",
    help: "1 while the disk takes nothing, so that new messages are only in memory.",
  },
  chat_process_resident_bytes: {
    type: "gauge",
    help: "Bytes of RAM that the process takes.",
  },
  chat_joined_total: {
    type: "counter",
    help: "Members that joined.",
  },
  chat_resumed_total: {
    type: "counter",
    help: "Sessions that resumed over a new connection.",
  },
  chat_left_total: {
    type: "counter",
    help: "Members that left, by the reason sent to the others.",
    label: { name: "reason", values: ["bye", "lost", "slow", "refused", "removed"] },
  },
  chat_evicted_total: {
    type: "counter",
    help: "Members away that lost their places to newcomers, by what was full.",
    label: { name: "limit", values: ["network", "room"] },
  },
  chat_refused_total: {
    type: "counter",
    help: "Connections that the server refused or ended, by the code sent to them.",
    label: { name: "code", values: [...ERROR_CODES, "other"] },
  },
  chat_accept_errors_total: {
    type: "counter",
    help:
      "Connections that the system could not accept, mostly because no file descriptors were left.",
  },
  chat_frames_received_total: {
    type: "counter",
    read: true,
    help: "Frames that members sent.",
  },
  chat_bytes_received_total: {
    type: "counter",
    read: true,
    help: "Bytes of the frames that members sent.",
  },
  chat_messages_total: {
    type: "counter",
    read: true,
    help: "Messages to the room.",
  },
  chat_direct_messages_total: {
    type: "counter",
    help: "Messages to one member, by outcome.",
    label: { name: "outcome", values: ["accepted", "busy", "gone"] },
  },
  chat_data_frames_total: {
    type: "counter",
    help: "Frames with file data, by outcome: dropped ones were not granted.",
    label: { name: "outcome", values: ["accepted", "dropped"] },
  },
  chat_slowed_total: {
    type: "counter",
    help: "Times that a member exceeded its budget and was slowed down.",
  },
  chat_waited_total: {
    type: "counter",
    help: "Frames and newcomers that had to wait for others, by what was used up.",
    label: { name: "limit", values: ["network", "room"] },
  },
  chat_warned_total: {
    type: "counter",
    help: "Times that a member was warned because it kept exceeding its budget.",
  },
  chat_bytes_appended_total: {
    type: "counter",
    read: true,
    help: "Bytes appended to the room's log.",
  },
  chat_state_bytes_written_total: {
    type: "counter",
    read: true,
    help: "Bytes written to the files that keep the room.",
  },
  chat_state_syncs_total: {
    type: "counter",
    read: true,
    help: "Times that these bytes were brought to the disk.",
  },
} as const satisfies Record<`chat_${string}`, Metric>;

type Table = typeof METRICS;
/** The metrics that are read when the text is made; `Counters` adds up the others. */
type Read = {
  [N in keyof Table]: Table[N] extends { type: "gauge" } | { read: true } ? N : never;
}[keyof Table];
type Labelled = {
  [N in keyof Table]: Table[N] extends { label: unknown } ? N : never;
}[keyof Table];
/** The values of the label of a counter. */
type Label<N extends Labelled> = Table[N]["label"]["values"][number];

export type Readings = Readonly<Record<Read, number>>;

/** The media type of the text that `render` returns. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The counters of one server. All of them start at 0, and never go down. */
export class Counters {
  /** By name and label, as they are shown. */
  readonly #values = new Map<string, number>();

  /**
   * Adds `by` to a counter without a label, or to one label of a counter.
   *
   * @throws {RangeError} if the counter would go down
   */
  add(name: Exclude<keyof Table, Read | Labelled>, by?: number): void;
  add<N extends Labelled>(name: N, label: Label<N>, by?: number): void;
  add(name: keyof Table, first: string | number = 1, by: number = 1): void {
    const [key, more] = typeof first === "string" ? [seriesOf(name, first), by] : [name, first];
    // Neither negative nor NaN.
    if (!(more >= 0)) throw new RangeError(`Cannot add ${more} to ${key}: counters only go up`);
    this.#values.set(key, (this.#values.get(key) ?? 0) + more);
  }

  /** All metrics as text, including those at 0. */
  render(readings: Readings): string {
    const lines: string[] = [];
    for (const [name, metric] of Object.entries<Metric>(METRICS)) {
      lines.push(`# HELP ${name} ${escapeHelp(metric.help)}`, `# TYPE ${name} ${metric.type}`);
      if (name in readings) {
        lines.push(`${name} ${readings[name as Read]}`);
        continue;
      }
      const series = metric.label?.values.map((value) => seriesOf(name, value)) ?? [name];
      for (const one of series) lines.push(`${one} ${this.#values.get(one) ?? 0}`);
    }
    return lines.join("\n") + "\n";
  }
}

/** The label under which a refusal counts; `other` means no code, or a code of another version. */
export function refusalOf(code: string | undefined): ErrorCode | "other" {
  return (ERROR_CODES as readonly (string | undefined)[]).includes(code)
    ? code as ErrorCode
    : "other";
}

function seriesOf(name: string, value: string): string {
  const { label } = METRICS[name as keyof Table] as Metric;
  return `${name}{${label!.name}="${escapeLabel(value)}"}`;
}

/** In a help text, only backslash and newline are special. */
function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
