import { assertLess } from "@std/assert";
import { measureAway, memoryOf, PROFILE } from "../support/away_crowd.ts";

/** A room of which nine tenths are away. A few hundred members show most; CI takes 5,000. */
const MEMBERS = Number(Deno.env.get("CHAT_SOAK_SECONDS") ?? "3") >= 20 ? 5_000 : 500;
const AWAY = 0.9 * MEMBERS;
/** What a member that is away may take besides its profile and its direct messages, in bytes. */
const MAX_AWAY = 6_000;

Deno.test("Server: a member that is away takes at most 6 kB besides its profile", async () => {
  const { before, after } = await measureAway(MEMBERS - AWAY, AWAY);
  const each = (memoryOf(after) - memoryOf(before)) / AWAY - PROFILE;
  console.log(`${AWAY} members away take ${each.toFixed(0)} bytes each besides their profiles`);
  assertLess(each, MAX_AWAY);
  // Otherwise nothing was measured.
  assertLess(1_000, each);
});
