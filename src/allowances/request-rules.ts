import { createHash } from 'node:crypto';
import { requestConflict } from '../errors.ts';

/** What is stored of a request with an idempotency key, to tell a repetition from another request. */
export const hashOfRequest = (request: object): string =>
  createHash('sha256').update(JSON.stringify(request, exactly)).digest('base64');

const exactly = (_name: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);

/** What an earlier call with the same idempotency key made. */
interface Made {
  id: bigint;
  idempotencyKey: string | null;
  requestHash: string | null;
}

/**
 * The id of what the first call with this key made; null if this is the first.
 *
 * @throws IdempotencyKeyConflictError if the first call had other values
 */
export function repeated(first: Made | null, requestHash: string | null): bigint | null {
  if (first === null) return null;
  if (first.requestHash !== requestHash) throw requestConflict(first.idempotencyKey ?? '');
  return first.id;
}
