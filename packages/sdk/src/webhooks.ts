interface AboutUser {
  userId: string;
}

interface AboutSubscription extends AboutUser {
  subscriptionId: string;
  packageId: string;
  version: number;
  status: string;
  startsAt: string | null;
  trialEnd: string | null;
  cancelsAt: string | null;
}

interface AboutFeature extends AboutUser {
  featureId: string;
}

interface AboutWindow extends AboutFeature {
  subscriptionId: string;
  packageId: string;
  windowStart: string;
}

interface AboutThreshold extends AboutFeature, Partial<AboutWindow> {
  userId: string;
  featureId: string;
  /** There if it is about a top-up: then there is no subscription and no window. */
  topUpId?: string;
  /** In percent of the limit. Absent for an absolute threshold. */
  threshold?: number;
  /** Absent for a threshold in percent. */
  thresholdAmount?: number;
  used: number;
  /** Of the window, or the amount of the top-up. */
  limit: number | null;
}

interface AboutTopUp extends AboutFeature {
  topUpId: string;
  amount: number;
}

/** The data of each type of event. `user` is there only if the webhook includes personal data. */
export interface WebhookData {
  'user.created': AboutUser;
  'user.updated': AboutUser & { previousUserId?: string; changed: string[] };
  'user.merged': AboutUser & { mergedUserId: string };
  'user.deleted': AboutUser;
  'subscription.created': AboutSubscription;
  'subscription.updated': AboutSubscription & { changed: string[] };
  'subscription.cancelled': AboutSubscription;
  'subscription.scheduled': AboutSubscription & { changed: string[] };
  'usage.threshold_reached': AboutThreshold;
  'usage.limit_reached': AboutWindow & { threshold: number; used: number; limit: number };
  'usage.window_reset': AboutWindow & {
    limit: number | null;
    previousWindowStart: string;
    previousUsed: number;
  };
  'top_up.exhausted': AboutTopUp;
  'top_up.expired': AboutTopUp & { remaining: number; expiredAt: string };
  'grant.expired': AboutFeature & { grantId: string; expiredAt: string };
  'package.published': { packageId: string; version: number };
  'segment.event_unmatched': { eventName: string };
  'seal.created': {
    log: 'LEDGER' | 'AUDIT' | 'AMENDMENTS' | 'SUMS';
    number: number;
    lastId: string;
    rowCount: number;
    hash: string;
    sealedAt: string;
  };
  'flag.raised': {
    flag: 'SAME_EMAIL' | 'SAME_BILLING_ID' | 'BILLING' | 'WEBHOOK_DISABLED';
    userIds?: string[];
    billingFlag?: string;
    customerId?: string;
    webhookId?: string;
  };
  'webhook.test': { webhookId: string };
}

/** A verified message. Check `type` first: it tells what `data` is. */
export type WebhookEvent = {
  [Type in keyof WebhookData]: {
    /** The same for every attempt: drop what you have seen. */
    id: string;
    type: Type;
    version: number;
    timestamp: string;
    environment: 'test' | 'live';
    data: WebhookData[Type];
  };
}[keyof WebhookData];

/** A message that the server did not send, or not lately, or a secret that is none. Answer it with status 400. */
export class WebhookVerificationError extends Error {
  override readonly name = 'WebhookVerificationError';
}

/** As Node gives them, or as fetch does. */
export type WebhookHeaders =
  | { get(name: string): string | null }
  | Record<string, string | string[] | undefined>;

/** How old a message may be, or how far ahead: who copied an old one cannot send it again. */
const toleranceSeconds = 5 * 60;

/**
 * Verifies a message of a webhook and returns its event.
 *
 * @param body the body as it arrived, before any parsing
 * @param secret the webhook's secret, `whsec_…`; during a rotation, one of the two is enough
 * @throws WebhookVerificationError if the message was not signed with the secret within the last 5 minutes, or if the
 *   secret is missing or is none
 */
export async function verifyWebhook(
  body: string | Uint8Array,
  headers: WebhookHeaders,
  secret: string,
): Promise<WebhookEvent> {
  const id = headerOf(headers, 'webhook-id');
  const timestamp = headerOf(headers, 'webhook-timestamp');
  const signatures = headerOf(headers, 'webhook-signature');
  const age = Date.now() / 1_000 - Number(timestamp);
  if (!(Math.abs(age) <= toleranceSeconds))
    throw new WebhookVerificationError('The message is too old, or its time lies ahead.');
  const text = textOf(body);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${text}`);
  const key = await keyOf(secret);
  for (const signature of signatures.split(' ')) {
    const [version, encoded] = signature.split(',');
    // Web Crypto compares in constant time.
    if (version === 'v1' && (await crypto.subtle.verify('HMAC', key, bytesOf(encoded ?? ''), signed)))
      return { ...JSON.parse(text), id };
  }
  throw new WebhookVerificationError('The message was not signed with this secret.');
}

function textOf(body: string | Uint8Array): string {
  if (typeof body === 'string') return body;
  if (body instanceof Uint8Array) return new TextDecoder().decode(body);
  throw new WebhookVerificationError('Give the body as it arrived, as text or bytes: it was parsed already.');
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value = typeof headers?.get === 'function' ? headers.get(name) : plainHeader(headers, name);
  if (typeof value !== 'string') throw new WebhookVerificationError(`The header ${name} is missing.`);
  return value;
}

/** Names of headers are compared without case: not everything gives them as Node does. */
function plainHeader(headers: WebhookHeaders, name: string): unknown {
  return Object.entries(headers ?? {}).find(([each]) => each.toLowerCase() === name)?.[1];
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = typeof secret === 'string' ? bytesOf(secret.replace(/^whsec_/, '')) : new Uint8Array();
  if (bytes.length === 0)
    throw new WebhookVerificationError(
      'The secret is missing, or is none: it looks like whsec_…, as createWebhook answers it.',
    );
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  return crypto.subtle.importKey('raw', bytes, algorithm, false, ['verify']);
}

/** The bytes of base64; none where it is something else. */
function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  } catch {
    return new Uint8Array();
  }
}
