import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { ChatError, CodeMissing, ProtocolError, WrongCode } from "../errors.ts";
import { ERROR_CODES } from "../protocol.ts";
import type { RoomEvent } from "../room.ts";
import { Backoff } from "./backoff.ts";
import {
  finalRefusal,
  isFinal,
  type ReconnectingClient,
  type ReconnectOptions,
  Reconnector,
  type Rejoined,
} from "./reconnect.ts";

/** Longer than any test. */
const NEVER_MS = 3_600_000;
const LOST = { ending: { reason: "lost", message: "cable cut" }, final: false } as const;
const RESUMED = { resumed: true, missed: 0, unseen: 0 };
const failure = () => Promise.reject(new ChatError("Cannot join: nothing listens there"));

/** Ends a pause at once. */
class Eager extends Backoff {
  resets = 0;

  constructor() {
    super(() => 0);
  }

  override reset(): void {
    this.resets++;
    super.reset();
  }
}

/** A client whose tries the test decides. */
class TriedClient implements ReconnectingClient {
  readonly events: RoomEvent[] = [];
  tries = 0;
  farewells = 0;
  on: (event: RoomEvent) => void = () => {};
  readonly reconnector: Reconnector;
  readonly #try: (attempt: number, signal: AbortSignal) => Promise<Rejoined>;

  constructor(
    attempt: (attempt: number, signal: AbortSignal) => Promise<Rejoined>,
    options: Partial<ReconnectOptions> = {},
  ) {
    this.#try = attempt;
    const backoff = new Eager();
    this.reconnector = new Reconnector(this, { retryMs: NEVER_MS, backoff, ...options });
  }

  connect(_lostAt: number, signal: AbortSignal): Promise<Rejoined> {
    return this.#try(++this.tries, signal);
  }

  farewell(): Promise<void> {
    this.farewells++;
    return Promise.resolve();
  }

  report(event: RoomEvent): Promise<void> {
    this.events.push(event);
    this.on(event);
    return Promise.resolve();
  }

  reportConnected(rejoined: Rejoined): Promise<void> {
    const self = { id: 1, name: "guest", self: true, away: false };
    return this.report({ type: "connected", self, ...rejoined });
  }

  get types(): string[] {
    return this.events.map(({ type }) => type);
  }
}

const waiting = (client: TriedClient): Promise<void> =>
  new Promise((resolve) => client.on = (event) => event.type === "disconnected" && resolve());

Deno.test("isFinal: an ERROR ends the room, unless the server would accept the same client again", () => {
  const transient = ERROR_CODES.filter((code) =>
    !isFinal({ reason: "refused", code, message: "" })
  );
  assertEquals([...transient].sort(), ["full", "gone", "locked", "slow", "timeout", "wait"]);
  assertEquals(isFinal({ reason: "left" }), true);
  assertEquals(isFinal({ reason: "stopped" }), false);
  assertEquals(isFinal({ reason: "lost", message: "" }), false);
});

Deno.test("finalRefusal: a wrong code and a fatal ERROR are final, and nothing else is", () => {
  const caused = (code: string) =>
    new ChatError("no", { cause: new ProtocolError(code, "because") });
  assertEquals(finalRefusal(new WrongCode("no")), {
    reason: "refused",
    code: "code",
    message: "no",
  });
  assertEquals(finalRefusal(new CodeMissing("no"))?.reason, "refused");
  assertEquals(finalRefusal(caused("flood")), { reason: "refused", code: "flood", message: "no" });
  for (const error of [...["full", "lost", "bye"].map(caused), new ChatError("no")]) {
    assertEquals(finalRefusal(error), undefined);
  }
});

Deno.test("Reconnector.comeBack: tries again until it is connected, and reports each failed try", async () => {
  const client = new TriedClient((n) => n < 3 ? failure() : Promise.resolve(RESUMED));
  assertEquals(await client.reconnector.comeBack(LOST), undefined);
  assertEquals(client.types, ["disconnected", "waiting", "waiting", "connected"]);
  const [first, second, third] = client.events;
  assertEquals(first, { type: "disconnected", reason: "lost", message: "cable cut" });
  assert(second?.type === "waiting" && third?.type === "waiting");
  assertEquals([second.attempt, third.attempt], [2, 3]);
  assertMatch(second.message, /nothing listens there$/);
  assertEquals(client.reconnector.link, { state: "connected" });
});

Deno.test("Reconnector.comeBack: does not try after a final ending, after leaving, or without time for it", async () => {
  const stopped = { ending: { reason: "stopped" }, final: false } as const;
  const cases = [
    [{ ending: { reason: "left" }, final: true }, NEVER_MS, { reason: "left" }],
    [{ ...LOST, final: true }, NEVER_MS, LOST.ending],
    [LOST, 0, { reason: "lost", message: "the connection was lost" }],
    [stopped, 0, { reason: "stopped" }],
  ] as const;
  for (const [broken, retryMs, expected] of cases) {
    const client = new TriedClient(failure, { retryMs });
    assertEquals(await client.reconnector.comeBack(broken), expected);
    assertEquals([client.tries, client.events], [0, []]);
  }
});

Deno.test("Reconnector.comeBack: gives up when the time is over, with the last error", async () => {
  const client = new TriedClient(failure, { retryMs: 1, backoff: new Backoff(() => 0.99) });
  const ending = await client.reconnector.comeBack(LOST);
  assertEquals(ending, {
    reason: "lost",
    message: "the connection was lost, and reconnecting failed for 0.001 s: " +
      "Cannot join: nothing listens there",
  });
});

Deno.test("Reconnector.comeBack: a final refusal ends the tries", async () => {
  const client = new TriedClient(() => Promise.reject(new WrongCode("the code is wrong")));
  const ending = await client.reconnector.comeBack(LOST);
  assertEquals(ending, { reason: "refused", code: "code", message: "the code is wrong" });
  assertEquals(client.tries, 1);
});

Deno.test("Reconnector.comeBack: an error other than a ChatError is a bug, and is thrown", async () => {
  const client = new TriedClient(() => Promise.reject(new TypeError("a bug")));
  await assertRejects(() => client.reconnector.comeBack(LOST), TypeError, "a bug");
});

Deno.test("Reconnector.comeBack: the pauses start short again only after a connection that lasted", async () => {
  for (const [steadyMs, resets] of [[0, 1], [Infinity, 0]] as const) {
    const backoff = new Eager();
    const client = new TriedClient(() => Promise.resolve(RESUMED), { backoff, steadyMs });
    await client.reconnector.comeBack(LOST);
    assertEquals(backoff.resets, resets);
  }
});

const lazy = () => new Backoff(() => 0.5, { baseMs: NEVER_MS, capMs: NEVER_MS });

Deno.test("Reconnector.hurry: ends the pause; without one it does nothing", async () => {
  const client = new TriedClient(() => Promise.resolve(RESUMED), { backoff: lazy() });
  client.reconnector.hurry();
  assertEquals(client.reconnector.link, { state: "connected" });
  const paused = waiting(client);
  const back = client.reconnector.comeBack(LOST);
  await paused;
  const { link } = client.reconnector;
  assert(link.state === "waiting" && link.attempt === 1);
  client.reconnector.hurry();
  assertEquals(client.reconnector.link, { state: "connecting", attempt: 1 });
  assertEquals(await back, undefined);
});

Deno.test("Reconnector.stop: ends a pause, and begins no try after it", async () => {
  const client = new TriedClient(failure, { backoff: lazy() });
  const paused = waiting(client);
  const back = client.reconnector.comeBack(LOST);
  await paused;
  client.reconnector.stop();
  assertEquals([await back, client.tries], [{ reason: "left" }, 0]);
});

Deno.test("Reconnector.stop: ends a try", async () => {
  const begun = Promise.withResolvers<void>();
  const client = new TriedClient((_, signal) => {
    begun.resolve();
    return new Promise((_, reject) => {
      signal.addEventListener("abort", () => reject(new ChatError("Cannot join: aborted")));
    });
  });
  const back = client.reconnector.comeBack(LOST);
  await begun.promise;
  client.reconnector.stop();
  assertEquals([await back, client.types], [{ reason: "left" }, ["disconnected"]]);
});

Deno.test("Reconnector.stop: leaves again over a connection that came too late", async () => {
  const client: TriedClient = new TriedClient(() => {
    client.reconnector.stop();
    return Promise.resolve(RESUMED);
  });
  assertEquals(await client.reconnector.comeBack(LOST), { reason: "left" });
  assertEquals([client.farewells, client.types], [1, ["disconnected"]]);
});
