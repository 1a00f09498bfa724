const prefix = 'revert-of-';

/** The idempotency key of what reverts a usage, so that each is reverted at most once. */
export const revertKey = (id: string): string => `${prefix}${id}`;

/** The id of the usage that this one reverts; null if it reverts none. */
export const revertedId = ({ idempotencyKey }: { idempotencyKey: string | null }): string | null =>
  idempotencyKey?.startsWith(prefix) ? idempotencyKey.slice(prefix.length) : null;

/** The note of what reverts a usage. */
export const revertNote = (id: string, reason: string): string =>
  reason === '' ? `Reverts ${id}` : `Reverts ${id}: ${reason}`;
