import { createHash } from 'node:crypto';

/** What is stored of a request with an idempotency key, to tell a repetition from another request. */
export const hashOfRequest = (request: object): string =>
  createHash('sha256').update(JSON.stringify(request, exactly)).digest('base64');

const exactly = (_name: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value);
