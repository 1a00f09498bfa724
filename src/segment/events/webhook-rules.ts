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
 * Whether Segment, or whoever knows the shared secret, has sent this body: the signature is the HMAC-SHA1 of its
 * bytes, in hexadecimal digits.
 */
export function isSigned(body: Buffer, signature: string | undefined, secret: string): boolean {
  const expected = createHmac('sha1', secret).update(body).digest();
  const given = Buffer.from(signature ?? '', 'hex');
  return given.length === expected.length && timingSafeEqual(given, expected);
}
