/** How often somebody may be wrong before pauses begin. */
export interface Patience {
  freeFailures: number;
}

/** Of one account: enough for a person who tries several passwords. */
export const accountPatience: Patience = { freeFailures: 5 };
/** Of one address, behind which there may be an office. */
export const addressPatience: Patience = { freeFailures: 20 };

const maxPauseMs = 60_000;

/** After this time without an attempt, earlier failures no longer count. */
export const forgetAfterMs = 15 * 60_000;

/**
 * How long to wait after this many failures in a row: nothing at first, then a second, doubled each time, up to a
 * minute. So guessing is slow, and nobody can lock somebody else out for long.
 */
export function pauseMs(failures: number, { freeFailures }: Patience): number {
  const beyond = failures - freeFailures;
  return beyond <= 0 ? 0 : Math.min(1_000 * 2 ** (beyond - 1), maxPauseMs);
}
