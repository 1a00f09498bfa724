import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { forbiddenMessage, mayDo, type Permissions, type Scope } from '../auth/permission-rules.ts';
import { type Body, readBody, readStrangerBody, refuseBody } from './body.ts';
import type { Gate, Share } from './gate.ts';
import type { RateLimit } from './rate-limit.ts';
import type { Bearer, RequestContext } from './request-context.ts';
import { type Answer, forbidden, overloaded, type Refusal, refusal } from './response.ts';
import type { Handler } from './router.ts';
import type { Slots } from './slots.ts';

/** How a route identifies its callers. It uses only the headers, before the body is read. */
export interface Admission<Caller> {
  gate: Gate;
  /** Null: none. */
  rateLimit: RateLimit | null;
  /** Returns the caller and sets the bearer of the request context. Null without valid credentials. */
  identify(headers: IncomingHttpHeaders, context: RequestContext): Promise<Caller | null>;
  /** Returns the key of the rate limit that a call counts against. */
  allowanceOf(caller: Caller): string;
  /**
   * Until when the same Authorization header means this caller, on the clock of performance.now. Null, and without it:
   * each request is identified anew.
   */
  knownUntil?(caller: Caller): number | null;
  /** Returns the refusal of a caller who may not call this route. Without it, the handler decides. */
  refusalOf?(caller: Caller): Answer | null;
}

/** Refuses callers without this scope. `what` begins with a small letter: it is part of a sentence. */
export const needsScope =
  (scope: Scope, what: string) =>
  ({ permissions }: { permissions: Permissions }): Refusal | null =>
    mayDo(permissions, scope) ? null : forbidden(forbiddenMessage(scope, what));

const tooManyRequests = 'Too many requests with these credentials. Try again after the time in Retry-After.';
const retryAfter = (waitMs: number) => ({ 'Retry-After': `${Math.ceil(waitMs / 1_000)}` });

/** Returns a refusal if the caller has no allowance left, else null. */
function rateLimited(limit: RateLimit | null, caller: string): Answer | null {
  const waitMs = limit?.take(caller) ?? 0;
  return waitMs === 0 ? null : { ...refusal('RATE_LIMITED', tooManyRequests), headers: retryAfter(waitMs) };
}

/** A caller, and what depends on nothing else. */
interface Known<Caller> {
  caller: Caller;
  allowance: string;
  bearer: Bearer | null;
  until: number;
}

/** The most Authorization headers that a route remembers. */
const maxKnown = 1_000;

/** Finds callers by their Authorization header. Nearly every request has one that was sent a moment ago. */
function createKnownCallers<Caller>({
  identify,
  allowanceOf,
  knownUntil = () => null,
}: Pick<Admission<Caller>, 'identify' | 'allowanceOf' | 'knownUntil'>) {
  const all = new Map<string, Known<Caller>>();
  return {
    find({ authorization = '' }: IncomingHttpHeaders, context: RequestContext): Known<Caller> | null {
      const known = all.get(authorization);
      if (known === undefined || known.until <= performance.now()) return null;
      context.bearer = known.bearer;
      return known;
    },
    async identify(headers: IncomingHttpHeaders, context: RequestContext): Promise<Known<Caller> | null> {
      const caller = await identify(headers, context);
      if (caller === null) return null;
      const until = knownUntil(caller);
      const known = { caller, allowance: allowanceOf(caller), bearer: context.bearer, until: until ?? 0 };
      if (until === null || headers.authorization === undefined) return known;
      if (all.size >= maxKnown) all.clear();
      all.set(headers.authorization, known);
      return known;
    },
  };
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
  { gate, rateLimit, refusalOf, ...identifying }: Admission<Caller>,
  handle: CallerHandler<Caller>,
  unauthenticated: Handler,
  refuse = refuseBody,
): Handler {
  const callers = createKnownCallers(identifying);
  return async (request, response, context) => {
    const { headers } = request;
    const known = callers.find(headers, context) ?? (await callers.identify(headers, context));
    if (known === null) return unauthenticated(request, response, context);
    const { caller, allowance } = known;
    const refused = rateLimited(rateLimit, allowance) ?? refusalOf?.(caller) ?? null;
    if (refused !== null) return refuse(request, response, refused);
    const share = gate.of(caller.environmentId);
    const body = await readWithin(request, share);
    if ('status' in body) return refuse(request, response, body);
    try {
      const working = share.run(async () => {
        if (body.bytes.length > largeBody) await share.turn();
        return handle(request, response, { caller, share, body: body.bytes, context });
      });
      return await (working ?? refuse(request, response, overloaded));
    } finally {
      body.release();
    }
  };
}

/** How callers are identified whose key is in the body. */
export interface BodyAdmission<Caller> extends Omit<Admission<Caller>, 'identify' | 'knownUntil'> {
  /** Bounds how many such bodies arrive at once. */
  slots: Slots;
  /** The largest such body, in bytes, and the answer to a larger one. */
  maxBytes: number;
  tooLong: Answer;
  identify(body: Buffer, context: RequestContext): Promise<Caller | null>;
}

/**
 * Answers callers whose key is in the body, as old libraries for browsers send it. Until the key is known, the body is a
 * stranger's: small, and one of few. After that it counts within the share of its environment.
 */
export function forKeysInBodies<Caller extends { environmentId: string }>(
  { slots, maxBytes, tooLong, gate, rateLimit, identify, allowanceOf, refusalOf }: BodyAdmission<Caller>,
  handle: CallerHandler<Caller>,
  unauthenticated: Handler,
  refuse = refuseBody,
): Handler {
  return async (request, response, context) => {
    const releaseSlot = acquireSlot(slots, request, response);
    if (releaseSlot === null) return refuse(request, response, overloaded);
    const body = await readStrangerBody(request, tooLong, maxBytes);
    if ('status' in body) {
      releaseSlot();
      return refuse(request, response, body);
    }
    const caller = await identify(body.bytes, context).finally(releaseSlot);
    if (caller === null) return unauthenticated(request, response, context);
    const refused = rateLimited(rateLimit, allowanceOf(caller)) ?? refusalOf?.(caller) ?? null;
    if (refused !== null) return refuse(request, response, refused);
    const share = gate.of(caller.environmentId);
    const working = share.run(async () =>
      handle(request, response, { caller, share, body: body.bytes, context }),
    );
    return working ?? refuse(request, response, overloaded);
  };
}

/** Takes a slot, which is released once: by the caller, or when the client disconnects. Null if none is free. */
function acquireSlot(slots: Slots, request: IncomingMessage, response: ServerResponse): (() => void) | null {
  const release = slots.acquire(request.socket.remoteAddress);
  if (release === null) return null;
  let isHeld = true;
  const releaseOnce = () => {
    if (isHeld) release();
    isHeld = false;
  };
  response.once('close', releaseOnce);
  return releaseOnce;
}

/** Parsing a body of this size, in bytes, takes milliseconds. */
const largeBody = 16 * 1024;

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
 * @param maxBytes see readStrangerBody
 */
export function forStrangers(
  slots: Slots,
  handle: StrangerHandler,
  {
    tooLong,
    maxBytes,
    refuse = refuseBody,
  }: { tooLong?: Answer; maxBytes?: number; refuse?: typeof refuseBody } = {},
): Handler {
  return async (request, response, context) => {
    const releaseSlot = acquireSlot(slots, request, response);
    if (releaseSlot === null) return refuse(request, response, overloaded);
    try {
      const body = hasNoBody(request) ? empty : await readStrangerBody(request, tooLong, maxBytes);
      if ('status' in body) return refuse(request, response, body);
      return await handle(request, response, body.bytes, context);
    } finally {
      releaseSlot();
    }
  };
}

const hasNoBody = ({ method }: IncomingMessage) => method === 'GET' || method === 'HEAD';
