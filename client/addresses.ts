// The addresses at which one room may be reached, and the order in which they are tried. An address is from the user, or
// only a server has named it: then it is trusted less. Opens no connection.

import { ChatError, CodeMissing, OtherRecord, ProtocolError, WrongCode } from "../errors.ts";
import { formatAddress } from "../protocol/connection.ts";
import { parseServer, type Place } from "../protocol/servers.ts";
import { type Scope, scopeOfHost } from "./scope.ts";

/** One of a room's addresses. */
export interface Address extends Place {
  /**
   * Only a server has named it. It must not be nearer than that server was, or a server on the internet could direct
   * clients to the machines of their own network. undefined: the user has given this address.
   */
  readonly floor?: Scope | undefined;
  /** How long connecting may take, in ms; undefined: as long as always. */
  readonly dialMs?: number | undefined;
}

/** Where a room may be. */
export interface RoomAddresses extends Place {
  /** Further addresses that the user has given for the room. */
  readonly others?: readonly Place[] | undefined;
  /** Those that only its server has named, in an earlier run. */
  readonly servers?: readonly Place[] | undefined;
}

/**
 * Codes of errors that do not speak for the room: the server there breaks the protocol, stops, or does not answer in time.
 * All others are the room's answer.
 */
const NO_ANSWER: readonly string[] = [
  "lost",
  "bye",
  "gone",
  "slow",
  "timeout",
  "version",
  "malformed",
  "unexpected",
  "too-large",
];

/** How long an address may take to answer, in ms, before the next one is tried. */
const DIAL_MS = 3_000;

/** How to try the addresses. */
export interface Tries {
  /** The client was in the room: what its present address answers decides, and no other address can say that the code is wrong. */
  readonly isRejoin: boolean;
  /** Gets why an address was passed over. */
  readonly onPassed?: ((message: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The addresses of one room. */
export class Addresses {
  readonly #given: readonly Address[];
  #named: readonly Address[];
  #present: Address;

  constructor({ hostname, port, others = [], servers = [] }: RoomAddresses) {
    this.#present = { hostname, port };
    this.#given = distinct([this.#present, ...others]);
    const floor = scopeOfHost(hostname);
    this.#named = servers.map((server) => ({ ...server, floor }));
  }

  /** The one at which the client is, or was last, as people write it. */
  get present(): string {
    return textOf(this.#present);
  }

  isPresent(address: Place): boolean {
    return isSame(address, this.#present);
  }

  /** All, in the order in which they are tried. */
  get all(): readonly Address[] {
    return distinct([this.#present, ...this.#given, ...this.#named]);
  }

  /** As people write them: those of the user, the present one first, and those that only the server has named. */
  get texts(): { given: readonly string[]; named: readonly string[] } {
    const isGiven = (address: Address) => this.#given.some((one) => isSame(one, address));
    return {
      given: this.#given.toSorted((a, b) =>
        Number(isSame(b, this.#present)) - Number(isSame(a, this.#present))
      ).map(textOf),
      named: this.all.filter((one) => !isGiven(one)).map(textOf),
    };
  }

  /**
   * The server has named these: they replace what it has named before.
   *
   * @param floor how far away the server is that has named them
   */
  name(servers: readonly string[], floor: Scope): void {
    this.#named = servers.map((server) => ({ ...parseServer(server)!, floor }))
      .filter((one) => scopeOfHost(one.hostname) >= floor);
  }

  /**
   * Tries the addresses in turn, the present one first, until one of them is the room.
   *
   * @throws {ChatError} the room's answer; if none is the room: why not
   */
  async inTurn<T>(
    attempt: (address: Address) => Promise<T>,
    { isRejoin, onPassed, signal }: Tries,
  ): Promise<T> {
    const { all } = this;
    let failure: ChatError | undefined;
    for (const [index, address] of all.entries()) {
      const isLast = index + 1 === all.length;
      try {
        const result = await attempt(isLast ? address : { ...address, dialMs: DIAL_MS });
        this.#present = address;
        return result;
      } catch (error) {
        if (!(error instanceof ChatError) || signal?.aborted || all.length === 1) throw error;
        if (this.#isAnswer(error, address, isRejoin)) throw error;
        if (!isLast) onPassed?.(error.message);
        failure = isRejoin || failure instanceof OtherRecord ? failure ?? error : error;
      }
    }
    throw failure!;
  }

  /** Whether an error ends the search. */
  #isAnswer(error: ChatError, address: Address, isRejoin: boolean): boolean {
    const isPresent = this.isPresent(address);
    if (address.floor !== undefined && !isPresent) return false;
    if (error instanceof OtherRecord) return false;
    if (error instanceof WrongCode || error instanceof CodeMissing) return isPresent || !isRejoin;
    const { cause } = error;
    return cause instanceof ProtocolError && !NO_ANSWER.includes(cause.code);
  }
}

function distinct(addresses: readonly Address[]): readonly Address[] {
  return addresses.filter((one, index) => addresses.findIndex((o) => isSame(o, one)) === index);
}

function isSame(one: Place, other: Place): boolean {
  return one.hostname === other.hostname && one.port === other.port;
}

function textOf({ hostname, port }: Place): string {
  return formatAddress(hostname, port);
}
