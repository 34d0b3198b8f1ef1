// TODO: say what this is.

/** How often a client shows that it is there, in ms: a server gives up who is silent for three times as long. */
export const PING_MS = 10_000;
/** A server that is silent for so long, though it was asked, is gone; in ms. */
export const DEAD_MS = 25_000;
/** How many looks at the connection there are between two PINGs. */
export const LOOKS = 4;
/** A clock that has gone on by so much more than it should, in ms: this machine has slept. */
export const SLEPT_MS = 10_000;
