import { createHmac } from 'node:crypto';
import { isIP } from 'node:net';
import { z } from 'zod';
import { listOf } from '../input.ts';
import { isPublicAddress, isPublicName } from './address-rules.ts';
import { eventPatterns, payloadVersion } from './outbox/rules.ts';

/** The most webhooks of an environment. Each one has its own turn, so none waits for another. */
export const maxWebhooks = 50;

/** How long the former secret signs too after a rotation. */
export const rotationMs = 24 * 3_600_000;

const Event = z.string().refine((text) => eventPatterns.includes(text), {
  error: ({ input }) => `is not a type of event: ${String(input).slice(0, 100)}`,
});

export const Events = listOf(Event, (name) => name, { max: 100 }).min(1, 'must name at least one event');

/** What an address may be. Its host is resolved and checked again whenever something is sent. */
export const addressSchema = (allowPrivate: boolean) =>
  z
    .string()
    .trim()
    .max(2_048, 'must be at most 2,048 characters')
    .superRefine((text, context) => {
      const message = addressProblem(text, allowPrivate);
      if (message !== null) context.addIssue({ code: 'custom', message });
    });

/** What URLs are stripped of silently, and what PostgreSQL does not store. */
const notInAddresses = /[\s\p{Cc}\p{Surrogate}]/u;

function addressProblem(text: string, allowPrivate: boolean): string | null {
  if (notInAddresses.test(text)) return 'must not contain spaces or control characters';
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol))
    return `must be an address like https://example.com/webhooks${allowPrivate ? ' or http://localhost:9000/' : ''}`;
  if (url.username !== '' || url.password !== '')
    return 'must not hold a user name or password: the signature proves who sends';
  if (url.hash !== '') return 'must not have a part after #';
  const host = hostOf(url);
  const isPrivate = !(isIP(host) === 0 ? isPublicName(host) : isPublicAddress(host));
  return isPrivate && !allowPrivate
    ? 'must not be an address of a private network; the operator can allow them with WEBHOOK_ALLOW_PRIVATE'
    : null;
}

/** The host of an address, without the brackets of IPv6. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, '');

const optional = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => value ?? undefined);

export const NewWebhook = (allowPrivate: boolean) =>
  z.object({
    url: addressSchema(allowPrivate),
    events: Events,
    includePersonalData: z
      .boolean()
      .nullish()
      .transform((value) => value ?? false),
  });

export const WebhookChange = (allowPrivate: boolean) =>
  z.object({
    url: optional(addressSchema(allowPrivate)),
    events: optional(Events),
    includePersonalData: optional(z.boolean()),
    enabled: optional(z.boolean()),
  });

const secretPrefix = 'whsec_';

/** A secret as the Standard Webhooks specification writes it. @param bytes 24 to 64 random bytes */
export const secretOf = (bytes: Buffer): string => secretPrefix + bytes.toString('base64');

/** A message as it is sent. */
export interface Message {
  /** The same for every attempt and every webhook: receivers drop what they have seen. */
  id: string;
  body: string;
}

export interface EventRow {
  environmentId: string;
  messageId: string;
  type: string;
  data: unknown;
  createdAt: Date;
}

/** @param person what the webhook asked to know about the user; absent unless it opted in */
export function messageOf(
  { environmentId, messageId, type, data, createdAt }: EventRow,
  person?: object | null,
): Message {
  const withPerson = person === undefined ? data : { ...(data as object), user: person };
  const payload = {
    type,
    version: payloadVersion,
    timestamp: createdAt.toISOString(),
    environment: environmentId,
    data: withPerson,
  };
  return { id: `msg_${messageId}`, body: JSON.stringify(payload) };
}

/** The headers of an attempt, as the Standard Webhooks specification says: one signature for each secret. */
export function signedHeaders(
  { id, body }: Message,
  secrets: readonly string[],
  now: Date,
): Record<string, string> {
  const timestamp = Math.floor(now.getTime() / 1_000);
  const signatures = secrets.map((secret) => {
    const key = Buffer.from(secret.slice(secretPrefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return {
    'webhook-id': id,
    'webhook-timestamp': `${timestamp}`,
    'webhook-signature': signatures.join(' '),
  };
}
