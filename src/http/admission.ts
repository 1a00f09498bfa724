import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type Body, readBody, readStrangerBody, refuseBody } from './body.ts';
import type { Gate, Share } from './gate.ts';
import { type RateLimit, rateLimited } from './rate-limit.ts';
import type { RequestContext } from './request-context.ts';
import { type Answer, overloaded } from './response.ts';
import type { Handler } from './router.ts';
import type { Slots } from './slots.ts';

/** How a route identifies its callers. It uses only the headers, before the body is read. */
export interface Admission<Caller> {
  gate: Gate;
  rateLimit: RateLimit;
  /** Returns the caller and sets the bearer of the request context. Null without valid credentials. */
  identify(headers: IncomingHttpHeaders, context: RequestContext): Promise<Caller | null>;
  /** Returns the key of the rate limit that a call counts against. */
  allowanceOf(caller: Caller): string;
}

/** Answers a request of an authenticated caller, after its body is read. */
export type CallerHandler<Caller> = (
  request: IncomingMessage,
  response: ServerResponse,
  sent: { caller: Caller; share: Share; body: Buffer; context: RequestContext },
) => unknown;

/**
 * Answers authenticated callers, each within the share of its environment. Other requests are passed on before the body
 * is read: they use no memory, and no environment uses the memory of another.
 *
 * @param unauthenticated answers requests without valid credentials
 */
export function forCallers<Caller extends { environmentId: string }>(
  { gate, rateLimit, identify, allowanceOf }: Admission<Caller>,
  handle: CallerHandler<Caller>,
  unauthenticated: Handler,
  refuse = refuseBody,
): Handler {
  return async (request, response, context) => {
    const caller = await identify(request.headers, context);
    if (caller === null) return unauthenticated(request, response, context);
    const limited = rateLimited(rateLimit, allowanceOf(caller));
    if (limited !== null) return refuse(request, response, limited);
    const share = gate.of(caller.environmentId);
    const body = await readWithin(request, share);
    if ('status' in body) return refuse(request, response, body);
    try {
      const working = share.run(async () =>
        handle(request, response, { caller, share, body: body.bytes, context }),
      );
      return await (working ?? refuse(request, response, overloaded));
    } finally {
      body.release();
    }
  };
}

const empty: Body = { bytes: Buffer.alloc(0), release: () => undefined };

/** Refuses before reading if the share is full. */
function readWithin(request: IncomingMessage, share: Share): Promise<Body | Answer> | Body | Answer {
  if (share.isFull()) return overloaded;
  return hasNoBody(request) ? empty : readBody(request, share.bodies);
}

/** Answers an unauthenticated request, after its small body is read. */
type StrangerHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  context: RequestContext,
) => unknown;

/**
 * Answers requests without valid credentials, as many at once as there are slots.
 *
 * @param tooLong the answer to a body that is too large
 */
export function forStrangers(
  slots: Slots,
  handle: StrangerHandler,
  { tooLong, refuse = refuseBody }: { tooLong?: Answer; refuse?: typeof refuseBody } = {},
): Handler {
  return async (request, response, context) => {
    const releaseSlot = slots.acquire(request.socket.remoteAddress);
    if (releaseSlot === null) return refuse(request, response, overloaded);
    try {
      const body = hasNoBody(request) ? empty : await readStrangerBody(request, tooLong);
      if ('status' in body) return refuse(request, response, body);
      return await handle(request, response, body.bytes, context);
    } finally {
      releaseSlot();
    }
  };
}

const hasNoBody = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';
