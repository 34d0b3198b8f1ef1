// What a member sends: charges each frame to the member's budget, and passes it to the hub. Knows no listener and no
// admission.

import { ProtocolError } from "../errors.ts";
import {
  checkEmpty,
  checkProfile,
  encodeFrame,
  type ErrorCode,
  type Frame,
  Left,
  parseHave,
  Type,
} from "../protocol.ts";
import type { Connection } from "../protocol/connection.ts";
import { type Cost, costOf } from "../protocol/cost.ts";
import { parseData, parseGrant } from "../protocol/data.ts";
import { encodeWarning, parseError } from "../protocol/json_frames.ts";
import { checkTopic } from "../protocol/topic.ts";
import { TurnSlice } from "../protocol/turn_slice.ts";
import type { ProtocolAdapter } from "./adapter.ts";
import { CloseReason } from "./admission.ts";
import type { Budgets } from "./budgets.ts";
import type { DataLanes } from "./data_lanes.ts";
import type { ServerEvent } from "./events.ts";
import type { Government } from "./government.ts";
import type { Hub } from "./hub.ts";
import { networkOf } from "./login_tries.ts";
import type { Counters } from "./metrics.ts";
import type { Session } from "./session.ts";

/**
 * What one member may send in one turn of the event loop, as `costOf` counts it: about a millisecond of work. The rest
 * waits, however fast it comes, so that the other members have their turns.
 */
export const MAX_COST = 128;
/** This many bytes take about as long as one more frame. */
const COST_BYTES = 4096;

/** `AckOutcome` of direct messages as the counters name it. */
const ACK_OUTCOMES = ["accepted", "busy", "gone"] as const;

/** What a relay works with. */
export interface RelayParts {
  readonly hub: Hub;
  readonly budgets: Budgets;
  readonly lanes: DataLanes;
  readonly government: Government;
  readonly adapter: ProtocolAdapter | undefined;
  readonly counters: Counters;
  readonly report: (event: ServerEvent) => void;
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
}

/** Relays the frames of all members of one server. */
export class Relay {
  /** What members have sent. */
  readonly received = { frames: 0, bytes: 0 };
  readonly #parts: RelayParts;

  constructor(parts: RelayParts) {
    this.#parts = parts;
  }

  /** Passes a member's frames to the hub, until it leaves or has another connection. */
  async run(connection: Connection, session: Session): Promise<void> {
    const network = networkOf(connection.hostname);
    const { decoder } = connection;
    const { adapted } = session;
    const slice = new TurnSlice(MAX_COST);
    const next = () => adapted ? adapted.read(decoder) : decoder.next();
    // An adapted client has a read under way already.
    let reading = session.reading;
    session.reading = undefined;
    for (;;) {
      for (let frame = next(); frame; frame = next()) {
        this.received.frames++;
        this.received.bytes += frame.bytes.length;
        if (!this.#takeData(session, frame)) {
          const cost = costOf(frame.bytes);
          const wait = this.#charge(connection, session, cost);
          if (wait > 0) await connection.pause(wait);
          const turn = this.#parts.budgets.take(network, session, cost);
          if (turn) await connection.pauseFor(turn);
          if (session.connection !== connection) return;
          this.#take(connection, session, frame, network);
        }
        const rest = slice.spend(1 + frame.bytes.length / COST_BYTES);
        if (!rest) continue;
        await rest;
        if (session.connection !== connection) return;
      }
      reading ??= connection.fill();
      if (!await reading) break;
      reading = undefined;
    }
    if (!adapted || session.connection !== connection) return;
    const last = adapted.end();
    if (last) this.#take(connection, session, last, network);
    // Such a client can only leave by ending its connection.
    if (connection.why === undefined) throw new CloseReason(undefined, "bye", Left.BYE);
  }

  /** Charges a frame to its member's budget; returns how many ms the frame must wait. */
  #charge(connection: Connection, session: Session, cost: Cost): number {
    const { member: { id: member }, rateLimiter, floodGuard } = session;
    if (!rateLimiter) return 0;
    const wait = rateLimiter.take(cost, this.#parts.now());
    switch (floodGuard.check(wait, rateLimiter.recovered)) {
      case "go on":
        break;
      case "slow":
        this.#parts.counters.add("chat_slowed_total");
        this.#parts.report({ event: "slowed", member });
        break;
      case "warn":
        this.#parts.counters.add("chat_warned_total");
        this.#parts.report({ event: "warned", member });
        connection.send(
          encodeWarning("flood", "you are sending more than this room allows: slow down"),
        );
        break;
      case "drop":
        this.#parts.report({ event: "flooded", member });
        throw new ProtocolError<ErrorCode>("flood", "you kept sending more than this room allows");
    }
    return wait;
  }

  /** Whether it is DATA that was granted: such bytes are paced by grants, and take nothing of a budget. */
  #takeData({ member }: Session, { type, id, body, bytes }: Frame): boolean {
    if (type !== Type.DATA) return false;
    const { generation } = parseData(body);
    const isTaken = this.#parts.lanes.send(member.id, id, generation, bytes);
    this.#parts.counters.add("chat_data_frames_total", isTaken ? "accepted" : "dropped");
    return isTaken;
  }

  #take(connection: Connection, session: Session, frame: Frame, network: string): void {
    const { member } = session;
    // It was removed in this turn of the event loop, and this came in the same piece.
    if (member.isLeaving) return;
    switch (frame.type) {
      case Type.MESSAGE: {
        if (frame.id === 0) {
          this.#parts.hub.say(member, frame);
          return;
        }
        return this.#parts.hub.tell(member, frame, (outcome) => {
          this.#parts.counters.add("chat_direct_messages_total", ACK_OUTCOMES[outcome]!);
        });
      }
      case Type.PROFILE:
        checkProfile(frame.body);
        if (!this.#parts.hub.say(member, frame)) return;
        if (this.#parts.hub.has(member)) this.#parts.adapter?.setMember(member.id, frame.body);
        return;
      case Type.TOPIC:
        checkTopic(frame.body);
        this.#parts.hub.say(member, frame);
        return;
      case Type.MODERATE:
        return this.#parts.government.moderate(session, frame.body);
      case Type.HAVE:
        if (!this.#parts.hub.have(member, parseHave(frame.body))) {
          throw new ProtocolError<ErrorCode>(
            "malformed",
            "HAVE names a position that was not sent",
          );
        }
        return;
      case Type.GRANT: {
        const grant = parseGrant(frame.body);
        // The members may have changed since the receiver sent it.
        if (!this.#parts.hub.fold.member(frame.id)) return;
        return this.#parts.lanes.grant(member.id, network, frame.id, grant);
      }
      case Type.DATA:
        // It was not granted, and is charged like a direct message.
        return;
      case Type.PING:
        checkEmpty("PING", frame.body);
        // One PONG answers all PINGs before it: a peer that does not read them costs nothing.
        if (connection.urgent === 0) connection.send(encodeFrame(Type.PONG, 0));
        return;
      case Type.PONG:
        return checkEmpty("PONG", frame.body);
      case Type.BYE:
        checkEmpty("BYE", frame.body);
        throw new CloseReason(undefined, "bye", Left.BYE);
      case Type.ERROR:
        // The client gives up on this server, and will not come back.
        session.isOver = true;
        throw new CloseReason(undefined, parseError(frame.body).code);
      default:
        throw new ProtocolError<ErrorCode>(
          "unexpected",
          `a member may not send a frame of type ${frame.type}`,
        );
    }
  }
}
