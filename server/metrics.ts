// What a server counts, and the text in which Prometheus reads it (exposition format 0.0.4). Pure; knows no
// HTTP. A label's values are known beforehand: what comes from outside never becomes one.

import { ERROR_CODES, type ErrorCode } from "../protocol.ts";

interface Metric {
  readonly type: "counter" | "gauge";
  readonly help: string;
  /** Kept where it happens, often for another reason too, and read when the text is made. */
  readonly read?: true;
  /** What the counts are told apart by. */
  readonly label?: { readonly name: string; readonly values: readonly string[] };
}

/** All that is counted, in the order in which it is shown. */
export const METRICS = {
  chat_members: {
    type: "gauge",
    help: "Members in the room, those who are away included.",
  },
  chat_members_away: {
    type: "gauge",
    help: "Members whose connection was lost and who may come back.",
  },
  chat_connections: {
    type: "gauge",
    help: "Connections that are open, admitted or not.",
  },
  chat_unadmitted_connections: {
    type: "gauge",
    help: "Connections that are not admitted yet.",
  },
  chat_room_log_bytes_held: {
    type: "gauge",
    help: "Bytes of memory that the room's log holds.",
  },
  chat_process_resident_bytes: {
    type: "gauge",
    help: "Bytes of memory that the process has in RAM.",
  },
  chat_joined_total: {
    type: "counter",
    help: "Members that came.",
  },
  chat_resumed_total: {
    type: "counter",
    help: "Sessions that went on over a new connection.",
  },
  chat_left_total: {
    type: "counter",
    help: "Members that left, by the reason that the others were told.",
    label: { name: "reason", values: ["bye", "lost", "slow", "refused"] },
  },
  chat_refused_total: {
    type: "counter",
    help: "Connections that were refused or ended by the server, by the code that they were told.",
    label: { name: "code", values: [...ERROR_CODES, "other"] },
  },
  chat_accept_errors_total: {
    type: "counter",
    help: "Connections that the system could not hand over: no file descriptors left, mostly.",
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
    help: "Messages to one member, by what became of them.",
    label: { name: "outcome", values: ["accepted", "busy", "gone"] },
  },
  chat_slowed_total: {
    type: "counter",
    help: "Times that a member had used up its budget and was slowed.",
  },
  chat_warned_total: {
    type: "counter",
    help: "Times that a member was warned because it was slowed for long.",
  },
  chat_bytes_appended_total: {
    type: "counter",
    read: true,
    help: "Bytes appended to the room's log.",
  },
} as const satisfies Record<`chat_${string}`, Metric>;

type Table = typeof METRICS;
/** What is read when the text is made; the others are added up here. */
type Read = {
  [N in keyof Table]: Table[N] extends { type: "gauge" } | { read: true } ? N : never;
}[keyof Table];
type Labelled = {
  [N in keyof Table]: Table[N] extends { label: unknown } ? N : never;
}[keyof Table];
/** The values that the label of a counter may have. */
type Label<N extends Labelled> = Table[N]["label"]["values"][number];

export type Readings = Readonly<Record<Read, number>>;

/** What `render` gives, as HTTP calls it. */
export const CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** The counters of one server. All of them start at 0, and never go down. */
export class Counters {
  /** By the line that shows it: name and label. */
  readonly #values = new Map<string, number>();

  /**
   * Adds `by` to a counter that has no label, or to that of one label.
   *
   * @throws {RangeError} if it would go down
   */
  add(name: Exclude<keyof Table, Read | Labelled>, by?: number): void;
  add<N extends Labelled>(name: N, label: Label<N>, by?: number): void;
  add(name: keyof Table, first: string | number = 1, by: number = 1): void {
    const [key, more] = typeof first === "string" ? [seriesOf(name, first), by] : [name, first];
    // Not less, and not NaN.
    if (!(more >= 0)) throw new RangeError(`Cannot add ${more} to ${key}: counters only go up`);
    this.#values.set(key, (this.#values.get(key) ?? 0) + more);
  }

  /** All metrics, those at 0 too, as text. */
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

/** The label under which a refusal counts; `other` is for what was told no code, or one of another version. */
export function refusalOf(code: string | undefined): ErrorCode | "other" {
  return (ERROR_CODES as readonly (string | undefined)[]).includes(code)
    ? code as ErrorCode
    : "other";
}

function seriesOf(name: string, value: string): string {
  const { label } = METRICS[name as keyof Table] as Metric;
  return `${name}{${label!.name}="${escapeLabel(value)}"}`;
}

/** In a help text only these two are special. */
function escapeHelp(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
}

function escapeLabel(text: string): string {
  return escapeHelp(text).replaceAll('"', '\\"');
}
