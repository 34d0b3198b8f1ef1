// Members without a connection: since when, when the others see them as away, and when their time to resume is over.
// One timer for all of them, however many they are. Pure; knows no session and no socket.

export interface AbsencesOptions {
  /** How long a member may be without a connection, in ms. */
  readonly graceMs: number;
  /** How long until the others see it as away, in ms. */
  readonly awayMs: number;
  /** A clock that never goes back, in ms. */
  readonly now: () => number;
  /** Calls the task after this time; the result cancels that. */
  readonly after: (ms: number, task: () => void) => () => void;
  /** The others see a member as away from now on. */
  readonly onAway: (id: number) => void;
  /** A member's time is over: it is absent no longer. */
  readonly onOver: (id: number) => void;
}

/** The part of a member that this needs. */
export interface Absentee {
  readonly id: number;
  readonly network: string;
}

interface Absence extends Absentee {
  /** When the member lost its connection. */
  readonly since: number;
}

/** All absent members of one server. */
export class Absences {
  readonly #options: AbsencesOptions;
  /** The member that lost its connection first is the first. */
  readonly #all = new Map<number, Absence>();
  /** Those that the others do not see as away yet, in the same order. */
  readonly #unseen = new Set<Absence>();
  /** The others, by network, in the same order. A network without any has no entry. */
  readonly #away = new Map<string, Set<Absence>>();
  /** By a number of members away: the networks that have so many, the one that has had them longest first. */
  readonly #networks = new Map<number, Set<string>>();
  /** The greatest of these numbers. */
  #most = 0;
  #last = -Infinity;
  /** Until then nobody is seen as away. */
  #quiet = -Infinity;
  /** When the timer ends; Infinity without a timer. */
  #due = Infinity;
  #cancel: () => void = () => {};

  constructor(options: AbsencesOptions) {
    const { graceMs, awayMs } = options;
    this.#options = { ...options, awayMs: Math.min(awayMs, graceMs) };
  }

  /** For this long, no further member is shown as away. */
  hold(ms: number): void {
    this.#quiet = this.#options.now() + ms;
  }

  /** How many members are absent, away or not yet. */
  get size(): number {
    return this.#all.size;
  }

  /** How many of them the others see as away. */
  get away(): number {
    return this.#all.size - this.#unseen.size;
  }

  /** How many of these come from a network. */
  awayFrom(network: string): number {
    return this.#away.get(network)?.size ?? 0;
  }

  /**
   * A member has lost its connection. Members MUST be added in the order in which they lost it: a member that comes too
   * late counts as lost with the last one.
   *
   * @param since when it lost its connection. If R ms of its time are left, that is now + R - `graceMs`
   * @param isAway the others see it as away already
   */
  add({ id, network }: Absentee, since: number = this.#options.now(), isAway = false): void {
    this.#last = Math.max(this.#last, since);
    const absence = { id, network, since: this.#last };
    this.#all.set(id, absence);
    if (isAway) this.#setAway(absence);
    else this.#unseen.add(absence);
    this.#wait();
  }

  /** A member has a connection again, or has left. Harmless if it is not absent. */
  remove(id: number): void {
    const absence = this.#all.get(id);
    if (!absence) return;
    this.#all.delete(id);
    if (this.#unseen.delete(absence)) return;
    const { network } = absence;
    const own = this.#away.get(network)!;
    own.delete(absence);
    if (own.size === 0) this.#away.delete(network);
    this.#move(network, own.size + 1, own.size);
  }

  /** The member of a network that has been away longest; undefined if none is away. */
  longestFrom(network: string): number | undefined {
    return first(this.#away.get(network))?.id;
  }

  /**
   * The member away longest of the network that has the most members away. If several networks have the same number, it
   * is `own`, or the one that has had it longest: so a network never pushes out members of others while it has as many
   * away itself. undefined if nobody is away.
   */
  longest(own: string): number | undefined {
    const networks = this.#networks.get(this.#most);
    if (!networks) return undefined;
    return this.longestFrom(networks.has(own) ? own : first(networks)!);
  }

  /** Nothing happens any more. */
  close(): void {
    this.#cancel();
    this.#due = -Infinity;
  }

  #setAway(absence: Absence): void {
    const { network } = absence;
    const own = this.#away.get(network) ?? new Set();
    this.#away.set(network, own.add(absence));
    this.#move(network, own.size - 1, own.size);
  }

  /** A network has one member more away than before, or one less. */
  #move(network: string, before: number, now: number): void {
    const left = this.#networks.get(before);
    left?.delete(network);
    if (left?.size === 0) this.#networks.delete(before);
    if (now > 0) this.#networks.set(now, (this.#networks.get(now) ?? new Set()).add(network));
    if (now > this.#most || !this.#networks.has(this.#most)) this.#most = now;
  }

  #wait(): void {
    const { graceMs, now, after } = this.#options;
    const away = this.#awayAt(first(this.#unseen)?.since ?? Infinity);
    const over = (first(this.#all.values())?.since ?? Infinity) + graceMs;
    const next = Math.min(away, over);
    if (next >= this.#due) return;
    this.#cancel();
    this.#due = next;
    // The timer may be a bit ahead of the clock.
    this.#cancel = after(Math.max(0, next - now()), () => this.#pass(Math.max(next, now())));
  }

  /** When the others see a member as away that lost its connection at `since`. */
  #awayAt(since: number): number {
    return Math.max(since + this.#options.awayMs, this.#quiet);
  }

  /** Does what is due. */
  #pass(now: number): void {
    const { graceMs, onAway, onOver } = this.#options;
    for (const absence of this.#unseen) {
      if (this.#awayAt(absence.since) > now) break;
      this.#unseen.delete(absence);
      this.#setAway(absence);
      onAway(absence.id);
    }
    for (const { id, since } of this.#all.values()) {
      if (since + graceMs > now) break;
      this.remove(id);
      onOver(id);
    }
    if (this.#due === -Infinity) return;
    this.#due = Infinity;
    this.#wait();
  }
}

/** The first of several; undefined if there is none. */
function first<T>(several: Iterable<T> = []): T | undefined {
  for (const one of several) return one;
  return undefined;
}
