/** How often an account may fail before pauses begin: enough for a person who tries several passwords. */
export const accountFreeFailures = 5;
/** The same of one address, behind which there may be an office. */
export const addressFreeFailures = 20;

const maxPauseMs = 60_000;

/** After this time without an attempt, earlier failures no longer count. */
export const forgetAfterMs = 15 * 60_000;

/**
 * How long to wait after this many failures in a row: nothing at first, then a second, doubled each time, up to a
 * minute. So guessing is slow, and nobody can lock somebody else out for long.
 */
export function pauseMs(failures: number, freeFailures: number): number {
  const beyond = failures - freeFailures;
  return beyond <= 0 ? 0 : Math.min(1_000 * 2 ** (beyond - 1), maxPauseMs);
}
