import { createHmac, timingSafeEqual } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { numberOrNull } from '../../amount.ts';
import { allowanceOf, identifySender, type Sender } from '../../auth/caller.ts';
import { readKey } from '../../auth/keys/rules.ts';
import type { Keyring } from '../../auth/keys/store.ts';
import { mayDo } from '../../auth/permission-rules.ts';
import { DomainError } from '../../errors.ts';
import { forCallers, needsScope } from '../../http/admission.ts';
import { decodeBody, readJson, refuseBody } from '../../http/body.ts';
import { faultCodeOf, reportFault } from '../../http/faults.ts';
import type { Gate } from '../../http/gate.ts';
import type { RateLimit } from '../../http/rate-limit.ts';
import type { RequestContext } from '../../http/request-context.ts';
import { type Answer, headersOf, refusal, sendJson, statusOf, unauthenticated } from '../../http/response.ts';
import type { Route } from '../../http/router.ts';
import type { IngestEvents, Ingested } from './ingest.ts';

/** Events per request. Segment itself sends one at a time. */
const maxEvents = 1_000;

interface Webhook {
  keyring: Keyring;
  ingestEvents: IngestEvents;
  gate: Gate;
  rateLimit: RateLimit | null;
  /** The shared secret of the signature; undefined requires no signature. */
  segmentSecret: string | undefined;
  log: Logger;
}

/**
 * The endpoint of Segment's webhook. Takes one event and returns its result, or an array or batch and returns an array in
 * the same order. A refused event does not fail the others. PUT, which Segment's form offers too, does the same.
 */
export function createSegmentRoute(webhook: Webhook): Route {
  const { gate, rateLimit, keyring } = webhook;
  const receiveEvents = forCallers<Sender>(
    {
      gate,
      rateLimit,
      allowanceOf,
      knownUntil: ({ validUntil }) => validUntil,
      async identify({ authorization }, context) {
        const caller = await identifySender(keyring, readKey(authorization));
        context.bearer = caller;
        return caller;
      },
      refusalOf: needsScope('ingest', 'sending events'),
    },
    async ({ headers }, response, { caller, share, body, context }) => {
      const read = await decodeBody(headers, body, share.bodies);
      if ('status' in read) return sendJson(response, read);
      try {
        const delivery = { headers, body: read.bytes, caller, context };
        sendJson(response, await receive(webhook, delivery));
      } finally {
        read.release();
      }
    },
    (request, response) => refuseBody(request, response, wrongCredentials),
  );
  return { POST: receiveEvents, PUT: receiveEvents };
}

/** A request. */
interface Delivery {
  headers: IncomingHttpHeaders;
  body: Buffer;
  caller: Sender;
  context: RequestContext;
}

async function receive(webhook: Webhook, { headers, body, caller, context }: Delivery): Promise<Answer> {
  const { segmentSecret } = webhook;
  // A batch's signature needs its first event.
  const sent = readJson(body);
  const signature = headers['x-signature']?.toString();
  if (segmentSecret !== undefined && !isSigned({ body, sent }, signature, segmentSecret))
    return wrongCredentials;
  if (sent === undefined) return refusal('BAD_REQUEST', 'The body is not JSON in UTF-8.');
  const { events, isList } = eventsOf(sent);
  if (events.length > maxEvents)
    return refusal('BAD_REQUEST', `One request may hold at most ${maxEvents} events.`);

  const results = await webhook.ingestEvents(caller.environmentId, events);
  const items = results.map((result) => itemOf(result, caller, webhook.log, context));
  const answer = isList ? items : items[0];
  const failure = results.find((result) => result instanceof Error && !(result instanceof DomainError));
  // Segment retries after 5xx; the events that were accepted are duplicates then.
  if (failure !== undefined) {
    const code = faultCodeOf(failure);
    return { status: statusOf(code), body: answer, headers: headersOf(code) };
  }
  return { status: results.some((result) => !(result instanceof Error)) ? 200 : 400, body: answer };
}

const wrongCredentials = unauthenticated(
  'Unauthenticated: send a valid private or write key, and the signature if a secret is shared.',
  'Basic realm="Segment"',
);

/**
 * A write key stands in pages and apps, so it learns nothing of users, features and rules: not what an event did. Nor does
 * a private key that may not read.
 */
function itemOf(
  result: Ingested | Error,
  { permissions }: Sender,
  log: Logger,
  requestContext: RequestContext,
): object {
  if (result instanceof DomainError) {
    const { typedName, message, code } = result;
    return { error: { name: typedName, message, code } };
  }
  if (result instanceof Error) return { error: reportFault(log, result, requestContext) };
  const { userKey: _internal, warnings, delta, ...facts } = result;
  const known = { ...facts, delta: numberOrNull(delta) };
  const item = !mayDo(permissions, 'read') ? { messageId: known.messageId } : known;
  return warnings.length === 0 ? item : { ...item, warnings };
}

/**
 * Verifies the signature: the HMAC-SHA1, in hexadecimal digits, of the body or, as Segment signs a batch, of the JSON
 * text of its first event alone. The latter proves nothing about the other events: only the key vouches for them.
 *
 * @param sent the parsed body
 */
function isSigned(
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

/** Returns the events of a request: one event, an array, or a batch as in Segment's own HTTP API. */
function eventsOf(sent: unknown): { events: readonly unknown[]; isList: boolean } {
  const batch = typeof sent === 'object' && sent !== null && 'batch' in sent ? sent.batch : sent;
  return Array.isArray(batch) ? { events: batch, isList: true } : { events: [sent], isList: false };
}
