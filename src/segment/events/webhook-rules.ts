import { createHmac, timingSafeEqual } from 'node:crypto';
import { readAuthorization } from '../../auth/keys/rules.ts';

/** The key of a webhook: alone, after `Bearer`, or as the user name of Basic authentication. */
export function readWebhookKey(header: string | undefined): string | null {
  const [scheme, credentials] = (header ?? '').trim().split(/\s+/);
  if (scheme?.toLowerCase() !== 'basic') return readAuthorization(header);
  const [user] = Buffer.from(credentials ?? '', 'base64')
    .toString('utf8')
    .split(':');
  return user || null;
}

/**
 * Whether somebody who knows the shared secret has signed this body: the signature is the HMAC-SHA1, in hexadecimal
 * digits, of its bytes or, as Segment signs a batch, of the JSON text of its first event alone. The latter proves
 * nothing of the events behind the first: they are as trustworthy as the key.
 *
 * @param sent what the body holds
 */
export function isSigned(
  { body, sent }: { body: Buffer; sent: unknown },
  signature: string | undefined,
  secret: string,
): boolean {
  const given = Buffer.from(signature ?? '', 'hex');
  const isOf = (signed: Buffer | string) => {
    const expected = createHmac('sha1', secret).update(signed).digest();
    return given.length === expected.length && timingSafeEqual(given, expected);
  };
  return isOf(body) || (Array.isArray(sent) && sent.length > 0 && isOf(JSON.stringify(sent[0])));
}

/** The events of a request: one alone, an array, or the batch that Segment's own HTTP API takes. */
export function eventsOf(sent: unknown): { events: readonly unknown[]; isList: boolean } {
  const batch = typeof sent === 'object' && sent !== null && 'batch' in sent ? sent.batch : sent;
  return Array.isArray(batch) ? { events: batch, isList: true } : { events: [sent], isList: false };
}
