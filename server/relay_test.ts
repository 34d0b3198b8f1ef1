import { assertEquals } from "@std/assert";
import { encodeFrame, FrameDecoder, Left, MAX_FRAME, Type } from "../protocol.ts";
import type { Connection } from "../protocol/connection.ts";
import { encodeGrantBody } from "../protocol/data.ts";
import { FloodGuard } from "../protocol/rate_limit.ts";
import { DataLanes } from "./data_lanes.ts";
import { Hub } from "./hub.ts";
import { Counters } from "./metrics.ts";
import { Relay } from "./relay.ts";
import type { Session } from "./session.ts";

const OUTLET = { wake: () => {}, cut: () => {}, drop: () => {} };

Deno.test("Relay: what comes from a member that was removed a moment ago does nothing", async () => {
  const hub = new Hub({ name: "A".repeat(22), clock: () => 0 });
  const profile = new Uint8Array(20);
  const { member: other } = hub.join(profile, OUTLET);
  const { member } = hub.join(profile, OUTLET);
  const lanes = new DataLanes({ now: () => 0, wake: () => {}, cut: () => {} });
  const nothing = () => undefined;
  const relay = new Relay({
    ...{ hub, lanes, budgets: { take: nothing } as never, government: {} as never },
    ...{ adapter: undefined, counters: new Counters(), report: nothing, now: () => 0 },
  });
  const frames = [
    encodeFrame(Type.GRANT, other.id, encodeGrantBody({ generation: 1, total: 2 ** 20 })),
    encodeFrame(Type.MESSAGE, 0, profile),
    encodeFrame(Type.PROFILE, 0, profile),
  ];
  const decoder = new FrameDecoder(MAX_FRAME);
  const next = frames.values();
  const connection = {
    ...{ hostname: "192.0.2.1", decoder },
    fill() {
      const { value: frame } = next.next();
      if (!frame) return Promise.resolve(false);
      decoder.space().set(frame);
      decoder.fill(frame.length);
      // Its bytes have come, and before they are read, the member is removed.
      if (hub.has(member)) {
        hub.leave(member, Left.REMOVED);
        lanes.leave(member.id);
      }
      return Promise.resolve(true);
    },
  } as unknown as Connection;
  const session: Session = {
    ...{ member, connection, nonce: undefined, isOver: false, reading: undefined },
    ...{ rateLimiter: undefined, floodGuard: new FloodGuard() },
  };
  const { end } = hub.log;
  await relay.run(connection, session);
  assertEquals(lanes.size, 0);
  // LEFT alone.
  assertEquals(
    hub.log.end,
    end + encodeFrame(Type.LEFT, member.id, Uint8Array.of(Left.REMOVED)).length,
  );
});
