// TODO: say what this is.

/** Downloads at once: small files wait for each other's questions, large ones share the window. */
export const MAX_RUNNING = 16;
/** What was asked for and has not come in so long is asked for again, in ms: it may have got lost on any way. */
export const OVERDUE_MS = 20_000;
