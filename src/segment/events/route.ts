import type { IncomingHttpHeaders } from 'node:http';
import type { Logger } from 'pino';
import { allowanceOf, identifyHolder } from '../../auth/caller.ts';
import type { Keyring } from '../../auth/keys/store.ts';
import type { Database } from '../../database/client.ts';
import { DomainError } from '../../errors.ts';
import { forCallers } from '../../http/admission.ts';
import { type Body, decompress, readEncoding, readJson, refuseBody } from '../../http/body.ts';
import { faultCodeOf, reportFault } from '../../http/faults.ts';
import type { Gate, Room } from '../../http/gate.ts';
import type { RateLimit } from '../../http/rate-limit.ts';
import type { RequestContext } from '../../http/request-context.ts';
import { type Answer, headersOf, refusal, sendJson, statusOf, unauthenticated } from '../../http/response.ts';
import type { Route } from '../../http/router.ts';
import type { IngestEvents, Ingested } from './ingest.ts';
import { eventsOf, isSigned, readWebhookKey } from './webhook-rules.ts';

/** As many as one request may bring. Segment itself sends one at a time. */
const maxEvents = 1_000;

interface Webhook {
  database: Pick<Database, 'readClock'>;
  keyring: Keyring;
  ingestEvents: IngestEvents;
  gate: Gate;
  rateLimit: RateLimit;
  /** What Segment signs requests with; undefined takes requests without a signature. */
  segmentSecret: string | undefined;
  log: Logger;
}

/**
 * Where Segment's webhook sends events: one event, answered by what became of it, or an array or batch, answered by an
 * array in the same order. A refused event does not fail its neighbours. PUT, which Segment's form offers too, is the
 * same as POST.
 */
export function createSegmentRoute(webhook: Webhook): Route {
  const { gate, rateLimit, keyring } = webhook;
  const receiveEvents = forCallers(
    {
      gate,
      rateLimit,
      allowanceOf,
      async identify({ authorization }, context) {
        const caller = await identifyHolder(keyring, readWebhookKey(authorization));
        context.bearer = caller;
        return caller;
      },
    },
    async ({ headers }, response, { caller, share, body, context }) => {
      const read = await readEvents(headers, body, share.bodies);
      if ('status' in read) return sendJson(response, read);
      try {
        const delivery = { headers, body: read.bytes, environmentId: caller.environmentId, context };
        sendJson(response, await receive(webhook, delivery));
      } finally {
        read.release();
      }
    },
    (request, response) => refuseBody(request, response, wrongCredentials),
  );
  return { POST: receiveEvents, PUT: receiveEvents };
}

/** The body as it was before its sender compressed it. */
async function readEvents(headers: IncomingHttpHeaders, body: Buffer, room: Room): Promise<Body | Answer> {
  const encoding = readEncoding(headers['content-encoding']);
  if (encoding === 'identity') return { bytes: body, release: () => undefined };
  return encoding === 'gzip' ? decompress(body, room) : unknownEncoding;
}

const unknownEncoding: Answer = {
  ...refusal('UNSUPPORTED_MEDIA_TYPE', 'Send the body as it is, or with Content-Encoding: gzip.'),
  headers: { 'Accept-Encoding': 'gzip, identity' },
};

/** What was posted. */
interface Delivery {
  headers: IncomingHttpHeaders;
  body: Buffer;
  environmentId: string;
  context: RequestContext;
}

async function receive(
  webhook: Webhook,
  { headers, body, environmentId, context }: Delivery,
): Promise<Answer> {
  const { segmentSecret } = webhook;
  // The signature of a batch needs its first event. Only who has a key has a body parsed.
  const sent = readJson(body);
  const signature = headers['x-signature']?.toString();
  if (segmentSecret !== undefined && !isSigned({ body, sent }, signature, segmentSecret))
    return wrongCredentials;
  if (sent === undefined) return refusal('BAD_REQUEST', 'The body is not JSON in UTF-8.');
  const { events, isList } = eventsOf(sent);
  if (events.length > maxEvents)
    return refusal('BAD_REQUEST', `One request may hold at most ${maxEvents} events.`);

  const results = await webhook.database.readClock().then(
    (now) => webhook.ingestEvents(environmentId, events, now),
    (error: Error) => events.map(() => error),
  );
  const items = results.map((result) => itemOf(result, webhook.log, context));
  const answer = isList ? items : items[0];
  const failure = results.find((result) => result instanceof Error && !(result instanceof DomainError));
  // Segment sends a request again that was answered 5xx, and the events that were taken are then duplicates.
  if (failure !== undefined) {
    const code = faultCodeOf(failure);
    return { status: statusOf(code), body: answer, headers: headersOf(code) };
  }
  return { status: results.some((result) => !(result instanceof Error)) ? 200 : 400, body: answer };
}

const wrongCredentials = unauthenticated(
  'Unauthenticated: send a valid private key, and the signature if a secret is shared.',
  'Basic realm="Segment"',
);

function itemOf(result: Ingested | Error, log: Logger, requestContext: RequestContext): object {
  if (result instanceof DomainError) {
    const { typedName, message, code } = result;
    return { error: { name: typedName, message, code } };
  }
  if (result instanceof Error) return { error: reportFault(log, result, requestContext) };
  const { userKey: _internal, warnings, ...told } = result;
  return warnings.length === 0 ? told : { ...told, warnings };
}
