import { assert, assertEquals } from "@std/assert";
import { BOB, EVENTS, UNPROVED } from "../tests/support/fake_room.ts";
import { FORMAT_FIELDS, formatMessage, type MessageFormat, parseFormat } from "./message_format.ts";

const AT = new Date(2024, 1, 5, 7, 8, 9);

/** The line of a message from bob. */
function filled(
  template: string,
  { type = "message", text = "hello", action = false, name = "bob" }: {
    type?: "message" | "direct";
    text?: string;
    action?: boolean;
    name?: string;
  } = {},
): string {
  const format = parseFormat(template);
  assert(!("fault" in format), template);
  const from = { ...BOB, name };
  const event = type === "message"
    ? { type, from, text, action, at: 1, ref: undefined, ...UNPROVED }
    : { type, from, text, action, ...UNPROVED };
  return formatMessage(format, event, AT);
}

Deno.test("formatMessage: fills in each field, and keeps the rest as it is", () => {
  assertEquals(filled("{time} {name}: {text}"), "07:08:09 bob: hello");
  assertEquals(
    filled("{date}T{time}|{kind}|{text}{text}"),
    "2024-02-05T07:08:09|message|hellohello",
  );
  assertEquals(filled("\t{{name}} {name} }}{{"), "\t{name} bob }{");
  assertEquals(filled("{{{name}}}"), "{bob}");
  // What a member writes is no template.
  assertEquals(filled("{name}: {text}", { text: "{time} {{" }), "bob: {time} {{");
});

Deno.test("formatMessage: what comes from others is one line, without control characters", () => {
  assertEquals(
    filled("{name}: {text}", { name: "b\x1bb", text: "two\nlines\r\x1b[2J\u202e" }),
    "b␛b: two␊lines␍␛[2J\\u{202e}",
  );
});

Deno.test("formatMessage: direct messages and actions are marked, unless the template shows the kind", () => {
  const kinds = [
    { type: "direct" },
    { action: true },
    { type: "direct", action: true },
  ] as const;
  assertEquals(kinds.map((kind) => filled("{name}: {text}", kind)), [
    "(direct) bob: hello",
    "bob: * hello",
    "(direct) bob: * hello",
  ]);
  assertEquals(kinds.map((kind) => filled("{kind} {name}: {text}", kind)), [
    "direct bob: hello",
    "action bob: hello",
    "direct bob: hello",
  ]);
  const [edited] = EVENTS.edited;
  const format = parseFormat("{kind} {name}: {text}") as MessageFormat;
  assertEquals(formatMessage(format, edited!, AT), `edited ${edited!.from.name}: ${edited!.text}`);
});

Deno.test("parseFormat: names what is wrong with a template, and what to write", () => {
  const fields = "The fields are {date} {time} {name} {text} {kind}";
  const cases: Record<string, [fault: string, hint: string]> = {
    "{nick}: {text}": ["there is no field {nick}", fields],
    "{}": ["there is no field {}", fields],
    "{Name}": ["there is no field {Name}", fields],
    "{\x1b}{text}": ["there is no field {␛}", fields],
    "{name": ['"{" has no partner', "For a brace itself, write {{"],
    "name}: {text}": ['"}" has no partner', "For a brace itself, write }}"],
    "": ["it has no field", "Write for example '{time} {name}: {text}'"],
    "text {{name}}": ["it has no field", "Write for example '{time} {name}: {text}'"],
  };
  for (const [template, [fault, hint]] of Object.entries(cases)) {
    assertEquals(parseFormat(template), { fault, hint }, template);
  }
});

Deno.test("docs/commands.md: lists the fields of --format, and no other", () => {
  const page = Deno.readTextFileSync(new URL("../docs/commands.md", import.meta.url));
  const [, table] = page.split(/^\| field +\| value +\|\r?\n/m);
  assert(table !== undefined, "there is no table");
  const rows = table.split(/\r?\n\r?\n/)[0]!.matchAll(/^\| `\{(\w+)\}`/gm);
  assertEquals(Array.from(rows, ([, field]) => field), [...FORMAT_FIELDS]);
});
