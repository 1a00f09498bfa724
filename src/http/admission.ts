import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { type Body, readBody, readStrangerBody, refuseBody } from './body.ts';
import type { Gate, Share } from './gate.ts';
import type { Places } from './places.ts';
import { type RateLimit, rateLimited } from './rate-limit.ts';
import type { RequestContext } from './request-context.ts';
import { type Answer, overloaded } from './response.ts';
import type { Handler } from './router.ts';

/** How callers of a route are recognised by the headers alone, before anything of the body is read. */
export interface Admission<Caller> {
  gate: Gate;
  rateLimit: RateLimit;
  /** Who calls, and tells the request context; null without valid credentials. */
  identify(headers: IncomingHttpHeaders, context: RequestContext): Promise<Caller | null>;
  /** Whose rate limit a call counts against. */
  allowanceOf(caller: Caller): string;
}

/** Answers a request of a known caller, whose body has been read whole. */
export type CallerHandler<Caller> = (
  request: IncomingMessage,
  response: ServerResponse,
  sent: { caller: Caller; share: Share; body: Buffer; context: RequestContext },
) => unknown;

/**
 * Answers known callers, each within the share of its environment, and refuses everybody else before the body is read:
 * a stranger takes up no memory, and no environment takes up another's.
 *
 * @param unauthenticated answers whoever has no valid credentials
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
    const body = await readInside(request, share);
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

/** A full share refuses before it reads what was sent. */
function readInside(request: IncomingMessage, share: Share): Promise<Body | Answer> | Body | Answer {
  if (share.isFull()) return overloaded;
  return hasNoBody(request) ? empty : readBody(request, share.bodies);
}

/** Answers a request of somebody unknown, whose small body has been read whole. */
type StrangerHandler = (
  request: IncomingMessage,
  response: ServerResponse,
  body: Buffer,
  context: RequestContext,
) => unknown;

/**
 * Answers whoever comes without credentials in its headers: as many at once as there are places.
 *
 * @param tooLong answers who sends a body that is not small
 */
export function forStrangers(
  places: Places,
  handle: StrangerHandler,
  { tooLong, refuse = refuseBody }: { tooLong?: Answer; refuse?: typeof refuseBody } = {},
): Handler {
  return async (request, response, context) => {
    const leave = places.enter(request.socket.remoteAddress);
    if (leave === null) return refuse(request, response, overloaded);
    try {
      const body = hasNoBody(request) ? empty : await readStrangerBody(request, tooLong);
      if ('status' in body) return refuse(request, response, body);
      return await handle(request, response, body.bytes, context);
    } finally {
      leave();
    }
  };
}

const hasNoBody = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';
