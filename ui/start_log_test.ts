import { assertEquals, assertRejects } from "@std/assert";
import { ChatError } from "../errors.ts";
import type { Files, Log, LogOptions } from "../files/paths.ts";
import { fakeContext } from "../tests/support/fake_context.ts";
import { BOB, FakeRoom } from "../tests/support/fake_room.ts";
import { follow } from "./follow.ts";
import { startLog } from "./start_log.ts";
import { submit } from "./submit.ts";

/** Files that record what is logged; `done` has that and the answers of commands. */
function around(address = "192.0.2.7:2428") {
  const files: Files = {
    home: "/home/ada",
    backslashes: false,
    list: () => [],
    create: () => undefined,
    openLog(path: string, { heading }: LogOptions): Promise<Log> {
      if (path.endsWith("/bad")) return Promise.reject(new ChatError(`Cannot log to ${path}`));
      done.push(`${path}: ${heading().replace(/since .*/, "since").trimEnd()}`);
      return Promise.resolve({
        path,
        append: (entry) => void done.push(entry.replace(/^\S+ /, `${path}: `).trimEnd()),
        entries: async function* () {},
        close: () => Promise.resolve(void done.push(`closed ${path}`)),
      });
    },
  };
  const { context, done } = fakeContext({ room: new FakeRoom({ address }), files });
  return { context, done };
}

/** A message of bob. */
const said = (text: string) => ({
  type: "message" as const,
  from: BOB,
  text,
  action: false,
  at: 1,
  ref: undefined,
  sent: undefined,
  missing: 0,
});

/** Lets opening and closing end. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("/log: begins, reports and ends a log of what is shown", async () => {
  const { context, done } = around();
  submit("/log", context);
  submit("/log off", context);
  follow(said("before"), context);
  submit("/log ~/my chat.log", context);
  await turn();
  follow(said("hi\nall"), context);
  context.preferences.ignored.add(BOB);
  follow(said("unseen"), context);
  context.preferences.ignored.remove(BOB);
  submit("/log", context);
  submit("/log off", context);
  follow(said("after"), context);
  await turn();
  const path = "/home/ada/my chat.log";
  assertEquals(done, [
    "not logging; /log FILE to start",
    "not logging",
    `${path}: # the room at 192.0.2.7:2428, logged since`,
    `logging to ${path}; /log off to stop`,
    `${path}: bob: hi\n  all`,
    `logging to ${path}; /log off to stop`,
    `no longer logging to ${path}`,
    `closed ${path}`,
  ]);
});

Deno.test("/log: another file replaces the first; one that cannot be opened does not", async () => {
  const { context, done } = around();
  await startLog(context, "/a");
  submit("/log /bad", context);
  await turn();
  follow(said("1"), context);
  await startLog(context, "/b");
  follow(said("2"), context);
  assertEquals(done.slice(1), [
    "Cannot log to /bad",
    "/a: bob: 1",
    "/b: # the room at 192.0.2.7:2428, logged since",
    "closed /a",
    "/b: bob: 2",
  ]);
  await assertRejects(() => startLog({ ...context, files: undefined }, "/c"), ChatError, "access");
});

Deno.test("startLog: {room} stands for the address, as a part of a name", async () => {
  for (
    const [address, expected] of [
      ["192.0.2.7:2428", "192.0.2.7-2428"],
      ["[::1]:2428", "1-2428"],
      ["chat.example:9", "chat.example-9"],
      ["../../x:1", "..-..-x-1"],
    ] as const
  ) {
    const { context } = around(address);
    assertEquals(await startLog(context, "~/log/{room}.txt"), `/home/ada/log/${expected}.txt`);
  }
});
