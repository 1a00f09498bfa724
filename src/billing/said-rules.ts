/*
 * What Stripe says, made such that it can be stored: it is kept as far as PostgreSQL and the API have room for it.
 */

/** Stripe's instants are in seconds. PostgreSQL and JavaScript have these. */
const maxSeconds = 253_402_300_799;

/** An instant of Stripe's. One that no clock shows becomes the nearest that one does. */
export const instantOf = (seconds: number): Date =>
  new Date(Math.min(Math.max(Number(seconds) || 0, 0), maxSeconds) * 1_000);

/** A line of text of at most this length: what cannot be stored or seen becomes a space. Null if nothing is left. */
export const lineOf = (text: string | null | undefined, maxLength: number): string | null =>
  text
    ?.slice(0, maxLength)
    .replace(/[\p{Cc}\p{Cs}]/gu, ' ')
    .trim() || null;

/** A whole number of up to this size; null for every other. */
export const wholeOf = (value: number | null | undefined, max = Number.MAX_SAFE_INTEGER): number | null =>
  Number.isInteger(value) && Math.abs(Number(value)) <= max ? Number(value) : null;
