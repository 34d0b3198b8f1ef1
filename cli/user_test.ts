import { assertEquals } from "@std/assert";
import type { Speaker, ViewOptions } from "./command.ts";
import type { Settings } from "./config.ts";
import { chosenName, chosenView } from "./user.ts";

const SPEAKER: Speaker = { name: undefined, user: "ada", config: undefined };

Deno.test("chosenName: the command line or environment, else the config file, else the user name", () => {
  const settings: Settings = { name: "fay" };
  assertEquals(chosenName({ ...SPEAKER, name: "bob" }, settings), "bob");
  assertEquals(chosenName(SPEAKER, settings), "fay");
  assertEquals(chosenName(SPEAKER, {}), "ada");
});

Deno.test("chosenView: each setting of the command line beats the config file; the rest are defaults", () => {
  const chosen = (options: ViewOptions, settings: Settings) => {
    const { theme, time, notify, muted } = chosenView(options, settings);
    return { theme, time, notify, muted };
  };
  const defaults = { theme: "auto", time: "short", notify: "mentions", muted: false };
  assertEquals(chosen({}, {}), defaults);
  const settings: Settings = { name: "fay", theme: "dark", time: "long", notify: "off" };
  assertEquals(chosen({}, settings), { ...defaults, theme: "dark", time: "long", notify: "off" });
  assertEquals(chosen({ time: "off" }, settings), {
    ...defaults,
    theme: "dark",
    time: "off",
    notify: "off",
  });
  assertEquals(chosen({ theme: "light", time: "off", notify: "all" }, settings), {
    ...defaults,
    theme: "light",
    time: "off",
    notify: "all",
  });
  assertEquals(chosen({ quiet: true }, { quiet: false }), { ...defaults, muted: true });
  assertEquals(chosen({}, { quiet: true, notify: "all" }), {
    ...defaults,
    notify: "all",
    muted: true,
  });
  // The silence of the file applies only if the command line sets no notifications.
  assertEquals(chosen({ notify: "all" }, { quiet: true }), { ...defaults, notify: "all" });
  assertEquals(chosen({ notify: "all", quiet: true }, {}), {
    ...defaults,
    notify: "all",
    muted: true,
  });
});
