import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { allowanceOf, identifySender, type Sender } from '../../auth/caller.ts';
import { parseKey, readKey } from '../../auth/keys/rules.ts';
import type { Keyring } from '../../auth/keys/store.ts';
import { DomainError } from '../../errors.ts';
import { type CallerHandler, forCallers, forKeysInBodies, needsScope } from '../../http/admission.ts';
import { decodeBody, readJson, refuseBody } from '../../http/body.ts';
import { withCors } from '../../http/cors.ts';
import { reportFault } from '../../http/faults.ts';
import type { Gate } from '../../http/gate.ts';
import type { RateLimit } from '../../http/rate-limit.ts';
import type { RequestContext } from '../../http/request-context.ts';
import { type Answer, type Refusal, refusal, sendJson, unauthenticated } from '../../http/response.ts';
import type { Handler, Route } from '../../http/router.ts';
import type { IngestEvents } from '../events/ingest.ts';
import { batchCalls, eventsOfCall, readBodyKey, typesOfCalls } from './rules.ts';

interface RouteDependencies {
  keyring: Keyring;
  ingestEvents: IngestEvents;
  gate: Gate;
  rateLimit: RateLimit | null;
  log: Logger;
}

/** The most events of a batch. As in Segment's API, their size is what counts: of the smallest ones, this many fit. */
const maxEvents = 2_500;

/** The largest body with its key inside, in bytes: browsers send no more from a page that is being closed. */
const maxKeyedBodyBytes = 64 * 1024;

/** What libraries for browsers send, beside what is always allowed. */
const pageHeaders = 'Authorization, Content-Type, Content-Encoding, X-Retry-Count, X-Write-Key, AnonymousId';

/**
 * Segment's own HTTP API, as its libraries and those of others call it. The key is a write key, or a private one, as the
 * user name of Basic authentication, or as `writeKey` in the body. Every origin may call it: nothing can be read here, and
 * cookies do not count.
 */
export function createSegmentApiRoutes(dependencies: RouteDependencies): Record<string, Route> {
  const routeOf = (type: string | null): Route =>
    withCors({ POST: createCall(dependencies, type) }, ['*'], pageHeaders);
  return {
    ...Object.fromEntries(batchCalls.map((call) => [`/v1/${call}`, routeOf(null)])),
    ...Object.fromEntries(Object.entries(typesOfCalls).map(([call, type]) => [`/v1/${call}`, routeOf(type)])),
    '/v1/m': withCors({ POST: metricsOfLibraries }, ['*'], pageHeaders),
    '/v1/projects/{writeKey}/settings': withCors({ GET: sendSettings }, ['*'], pageHeaders),
  };
}

function createCall({ keyring, ...dependencies }: RouteDependencies, type: string | null): Handler {
  const { gate, rateLimit } = dependencies;
  async function identify(key: string | null, context: RequestContext): Promise<Sender | null> {
    const caller = await identifySender(keyring, key);
    context.bearer = caller;
    return caller;
  }
  const handle: CallerHandler<Sender> = async ({ headers }, response, { caller, share, body, context }) => {
    const read = await decodeBody(headers, body, share.bodies);
    if ('status' in read) return sendJson(response, toldAsSegment(read));
    try {
      const events = eventsOfCall(readJson(read.bytes), type);
      sendJson(response, await ingest(dependencies, { events, caller, context }));
    } finally {
      read.release();
    }
  };
  const refuse = (request: IncomingMessage, response: ServerResponse, answer: Answer) =>
    refuseBody(request, response, toldAsSegment(answer));
  const unauthorized: Handler = (request, response) => refuse(request, response, wrongKey);

  const withHeader = forCallers<Sender>(
    {
      gate,
      rateLimit,
      allowanceOf,
      identify: (headers, context) => identify(keyOf(headers), context),
      refusalOf,
    },
    handle,
    unauthorized,
    refuse,
  );
  const withBody = forKeysInBodies<Sender>(
    {
      gate,
      rateLimit,
      allowanceOf,
      slots: gate.pageEvents,
      maxBytes: maxKeyedBodyBytes,
      tooLong: tooLongForKey,
      identify: (body, context) => identify(readBodyKey(readJson(body)), context),
      refusalOf,
    },
    handle,
    unauthorized,
    refuse,
  );
  return (request, response, context) =>
    (keyOf(request.headers) === null ? withBody : withHeader)(request, response, context);
}

const refusalOf = needsScope('ingest', 'sending events');

/** Jitsu's libraries send the key in a header of its own. */
const keyOf = ({ authorization, ...headers }: IncomingMessage['headers']): string | null =>
  readKey(authorization) ?? headers['x-write-key']?.toString() ?? null;

/** What a call brings. Events are null if its body is not what it takes. */
interface Call {
  events: readonly unknown[] | null;
  caller: Sender;
  context: RequestContext;
}

/**
 * As Segment does, answers 200 also if events are refused, such as those of anonymous users: to send them again would not
 * help. `refused` says which, beyond what Segment tells. If an event could not be stored, the whole call is to be sent
 * again; what was stored counts once.
 */
async function ingest(
  dependencies: Omit<RouteDependencies, 'keyring'>,
  { events, caller, context }: Call,
): Promise<Answer> {
  if (events === null) return malformed;
  if (events.length > maxEvents) return tooManyEvents;
  const results = await dependencies.ingestEvents(caller.environmentId, events);
  const failures = results.filter((result) => result instanceof Error && !(result instanceof DomainError));
  const [fault] = failures.map((failure) => reportFault(dependencies.log, failure, context));
  if (fault !== undefined)
    return toldAsSegment(refusal(fault.code, fault.message, { requestId: fault.requestId }));
  const refused = results.flatMap((result, index) =>
    result instanceof DomainError ? [{ index, message: result.message }] : [],
  );
  return { status: 200, body: refused.length === 0 ? { success: true } : { success: true, refused } };
}

/** Adds what libraries for Segment read to a refusal. */
function toldAsSegment(answer: Answer): Answer {
  const { errors } = answer.body as Partial<Refusal['body']>;
  return { ...answer, body: { success: false, message: errors?.[0]?.message, errors } };
}

const malformed = toldAsSegment(
  refusal('BAD_REQUEST', 'The body is not JSON in UTF-8: one event, or for a batch an object with "batch".'),
);
const tooManyEvents = toldAsSegment(
  refusal('BAD_REQUEST', `One request may hold at most ${maxEvents} events.`),
);
const tooLongForKey = refusal(
  'PAYLOAD_TOO_LARGE',
  'With its key inside, a body may hold at most 64 KiB. Send the key in the Authorization header.',
);
const wrongKey = unauthenticated(
  'Unauthenticated: send a valid write key, or a private key, as the user name of Basic authentication.',
  'Basic realm="Segment"',
);

/** Libraries for browsers report figures about themselves. They are not read. */
const metricsOfLibraries: Handler = (request, response) =>
  refuseBody(request, response, { status: 200, body: { success: true } });

/**
 * What analytics.js asks its `cdnURL` before it starts: where to send events, and that there is nothing else to load. It
 * is the same for every key.
 */
const sendSettings: Handler = ({ headers }, response, { params: { writeKey = '' } }) => {
  if (parseKey(writeKey)?.kind !== 'WRITE')
    return sendJson(response, refusal('NOT_FOUND', 'There is no write key like this one.'));
  const isSecure = headers['x-forwarded-proto'] === 'https';
  const settings = {
    apiKey: writeKey,
    apiHost: `${headers.host}/v1`,
    protocol: isSecure ? 'https' : 'http',
    unbundledIntegrations: [],
    addBundledMetadata: true,
  };
  return sendJson(response, {
    status: 200,
    body: { integrations: { 'Segment.io': settings }, plan: {}, metrics: { sampleRate: 0 } },
  });
};
