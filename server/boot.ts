// Whether a machine has restarted since a server wrote its last bytes: if not, the system has kept them, even if the
// server was killed. Pure: the caller has the clocks.

/** What rounding, and a leap second, may change. A clock that is set by more counts as a restart: that only costs a gap. */
const TOLERANCE_SECONDS = 2;

/**
 * Compares two starts of the machine, each as the seconds from 1970 until then, in decimal digits; undefined if it is
 * unknown.
 *
 * A machine without a clock of its own may give the same start twice. But when it starts again, its clock goes back.
 *
 * @param lastMs the time of the last bytes that were written before
 * @param nowMs the time now
 */
export function isSameBoot(
  before: string | undefined,
  now: string | undefined,
  lastMs: number,
  nowMs: number,
): boolean {
  if (before === undefined || now === undefined || nowMs < lastMs) return false;
  const [a, b] = [before, now].map((text) => /^\d{1,12}$/.test(text) ? Number(text) : NaN);
  return Math.abs(a! - b!) <= TOLERANCE_SECONDS;
}
