// A member that is away for hours, in a sealed room with the default limits. The server's time passes when the test says
// so; the clients have their own.

import { assertEquals } from "@std/assert";
import { DEFAULT_LIMITS } from "../../server/limits.ts";
import { PlayClock } from "../support/fake_clock.ts";
import { Guest, TestRoom } from "../support/loopback.ts";
import { QUICK_ADMISSION, quickClient } from "../support/quick_login.ts";
import { Relay } from "../support/relay.ts";

const HOUR_MS = 3_600_000;
/** When the room opened. */
const START = Date.UTC(2026, 0, 2, 9);

/** Ben is present. Ada is away: her connection breaks, and she connects again when the test says so. */
class Stage implements AsyncDisposable {
  readonly clock = new PlayClock();
  readonly room: TestRoom;
  readonly relay: Relay;
  readonly #guests: Guest[] = [];
  ada!: Guest;
  ben!: Guest;

  private constructor() {
    const { now, after } = this.clock;
    const clock = () => START + now();
    const { graceMs } = DEFAULT_LIMITS;
    this.room = new TestRoom({ admission: QUICK_ADMISSION, graceMs, now, after, clock });
    this.relay = new Relay(this.room);
  }

  static async open(): Promise<Stage> {
    const stage = new Stage();
    stage.ben = await stage.join("ben");
    stage.ada = await stage.join("ada", stage.relay);
    await stage.ada.say("good night");
    await stage.ben.next("message");
    await stage.relay.cut();
    await stage.ada.next("disconnected");
    await stage.room.until("the end of her connection", () => stage.room.connections === 1);
    return stage;
  }

  async join(name: string, at: { port: number } = this.room): Promise<Guest> {
    const guest = await Guest.join(at, name, quickClient());
    this.#guests.push(guest);
    return guest;
  }

  /** Lets these hours pass. In each of them Ben says something to all, and something to Ada. */
  async talk(hours: number): Promise<string[]> {
    const said: string[] = [];
    for (let hour = 1; hour <= hours; hour++) {
      await this.clock.until(hour * HOUR_MS);
      for (const text of [`${hour}:00`, `${hour}:01`]) {
        await this.ben.say(text);
        said.push(text);
      }
      if (this.ben.client.members.some(({ name }) => name === "ada")) {
        this.ben.client.tell("ada", `to you at ${hour}`);
        await this.ben.next("delivered");
      }
    }
    return said;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const guest of this.#guests) await guest[Symbol.asyncDispose]();
    await this.relay[Symbol.asyncDispose]();
    await this.room[Symbol.asyncDispose]();
  }
}

const texts = (guest: Guest, type: "message" | "direct") =>
  guest.events.flatMap((event) => event.type === type ? [event.text] : []);

Deno.test("A member away for 23 hours gets everything that was said meanwhile, once and in order", async () => {
  await using stage = await Stage.open();
  const { ada, ben, clock } = stage;
  await clock.until(3_000);
  const { who: { since } } = await ben.next("away");
  assertEquals(since, new Date(START + 3_000));
  const said = await stage.talk(23);
  ada.client.reconnect();
  const { resumed, missed, unseen } = await ada.next("connected");
  assertEquals([resumed, missed, unseen], [true, 0, said.length]);
  assertEquals((await ada.next("caughtup")).messages, said.length);
  // Between the two events is what came meanwhile, and nothing else of the room.
  const [first, last] = ["connected", "caughtup"].map((type) =>
    ada.events.findLastIndex((event) => event.type === type)
  );
  const between = ada.events.slice(first, last).flatMap((event) =>
    event.type === "message" ? [event.text] : []
  );
  assertEquals(between, said);
  await ben.next("back");
  await ben.say("good morning");
  await ada.next("message", ({ text }) => text === "good morning");
  assertEquals(texts(ada, "message"), ["good night", ...said, "good morning"]);
  assertEquals(
    texts(ada, "direct"),
    said.flatMap((_, i) => i % 2 ? [] : [`to you at ${i / 2 + 1}`]),
  );
  assertEquals(ada.events.filter((event) => event.type === "message" && event.missing > 0), []);
});

Deno.test("A member away for more than 24 hours is gone, joins again, and reports how much it has missed", async () => {
  await using stage = await Stage.open();
  const { ada, ben, clock, room } = stage;
  const said = await stage.talk(23);
  await clock.until(24 * HOUR_MS - 1);
  assertEquals(room.sessions, 2);
  await clock.until(24 * HOUR_MS);
  assertEquals((await ben.next("left")).reason, "lost");
  assertEquals([room.sessions, clock.timers], [1, 0]);
  ada.client.reconnect();
  const { resumed, missed } = await ada.next("connected");
  assertEquals([resumed, missed], [false, said.length]);
  await ada.next("members");
  await ben.say("good morning");
  await ada.next("message", ({ text }) => text === "good morning");
  assertEquals(texts(ada, "message"), ["good night", "good morning"]);
  assertEquals(texts(ada, "direct"), []);
});
