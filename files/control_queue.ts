// TODO: say what this is.

/** What waits to be said to one member about files that are not offered: who asks for more of these is not honest. */
export const MAX_REFUSALS = 1024;
/** How long to wait after a refusal until something more is sent to who has too much waiting, in ms. */
export const REFUSED_MS = 200;
