// TODO: say what this is.

import type { Person, RoomEvent } from "../room.ts";

/** How far a sender's clock may be off before people are told: clocks are seldom right to the minute. */
const CLOCK_TOLERANCE_MS = 2 * 60 * 1000;

/** A member in a list of who is here. */
export function listed({ name, self, away, classic }: Person): string {
  // A name has no spaces: nobody can be called so.
  if (self) return name;
  return away ? `${name} (away)` : classic ? `${name} (original)` : name;
}

/** What this client has missed, as it is shown where it would have stood; undefined if nothing. */
function gap({ resumed, missed }: RoomEvent & { type: "connected" }): string | undefined {
  if (resumed || missed === 0) return undefined;
  if (missed === undefined) {
    return "connected again; the server has started anew: " +
      "messages from its last moment may be missing";
  }
  const messages = missed === 1 ? "1 message was" : `${missed} messages were`;
  return `connected again: ${messages} missed here`;
}

/**
 * How the connection fares, this client's and others': one sentence that every screen shows in the same words,
 * and that nobody has to act on. Undefined where there is none, or where `warnings` has more to say. It may
 * quote the server: `printable()` before it is shown.
 */
export function connectionNotice(event: RoomEvent): string | undefined {
  switch (event.type) {
    case "away":
      return event.who.self ? undefined : `${event.who.name} is away: the connection was lost`;
    case "back":
      return event.who.self ? undefined : `${event.who.name} is back`;
    case "disconnected":
      return `${lost(event)}; what you write is kept and sent when it is back`;
    case "connected":
      return gap(event) === undefined ? "connected again: nothing was missed" : undefined;
    default:
      return undefined;
  }
}

function lost({ reason, message }: RoomEvent & { type: "disconnected" }): string {
  switch (reason) {
    case "lost":
      return `the connection is lost: ${message}`;
    case "stopped":
      return "the server has stopped";
    case "refused":
      return `the server has ended the connection: ${message}`;
  }
}

/** That a direct message has not arrived, and why; it quotes a name: `printable()` before it is shown. */
export function notDelivered({ to, reason }: RoomEvent & { type: "undelivered" }): string {
  const why = reason === "gone"
    ? `${to.name} has left`
    : `too much is waiting for ${to.name} already, try again later`;
  return `not delivered: ${why}`;
}

/** Names in a sentence: of more, the number is told. */
const MAX_NAMED = 5;

function cannotTake(people: readonly Person[]): string {
  const names = people.slice(0, MAX_NAMED).map(({ name }) => name).join(", ");
  const more = people.length - MAX_NAMED;
  const are = people.length === 1 ? "is" : more > 0 ? `and ${more} more are` : "are";
  return `${names} ${are} on the original program, which can't take files`;
}

/**
 * What people must not overlook: about a message or a newcomer beside what it says, about messages that are
 * missing, and what the server warns of. Sentences, most often none; they may quote others: `printable()`
 * before they are shown.
 */
export function warnings(event: RoomEvent, now: Date): string[] {
  const sentences: string[] = [];
  switch (event.type) {
    case "message":
    case "direct":
    case "offer": {
      const { from: { name }, missing, sent } = event;
      if (missing === 1) sentences.push(`a message of ${name} before this one has not come`);
      if (missing > 1) {
        sentences.push(`${missing} messages of ${name} before this one have not come`);
      }
      if (isOff(sent, now)) {
        sentences.push(`by the clock of ${name} this was sent at ${sent.toISOString()}`);
      }
      if (event.type === "offer" && event.without?.length) {
        sentences.push(cannotTake(event.without));
      }
      break;
    }
    case "joined": {
      const { who: { name }, sent } = event;
      if (isOff(sent, now)) sentences.push(`by the clock of ${name} it is ${sent.toISOString()}`);
      break;
    }
    case "keychanged": {
      const { name } = event.who;
      const bare = name.replace("(!)", "");
      sentences.push(
        `${name} is not the ${
          bare.replace(/#\d+$/, "")
        } that you know: the name comes with another key. ` +
          `Compare with /verify ${bare}, and if it is right, /trust ${bare}`,
      );
      break;
    }
    case "unreadable":
      // Told once: who floods with rubbish shall not flood the screen.
      if (event.count === 1) {
        sentences.push(
          `something that came as from ${event.from.name} is not shown: ${event.message}`,
        );
      }
      break;
    case "connected": {
      const sentence = gap(event);
      if (sentence !== undefined) sentences.push(sentence);
      break;
    }
    case "warning":
      sentences.push(`the server warns: ${event.message}`);
      break;
  }
  return sentences;
}

function isOff(sent: Date | undefined, now: Date): sent is Date {
  return sent !== undefined && Math.abs(now.getTime() - sent.getTime()) > CLOCK_TOLERANCE_MS;
}
