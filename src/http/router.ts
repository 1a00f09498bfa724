import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { reportFault } from './faults.ts';
import { problemOf } from './problem.ts';
import { createObserver, type Observing, type RequestContext } from './request-context.ts';
import { type Answer, refusal, sendJson } from './response.ts';

export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  requestContext: RequestContext,
) => unknown;

/** The handlers of one path, by method. */
export interface Route {
  GET?: Handler;
  POST?: Handler;
  PUT?: Handler;
  PATCH?: Handler;
  DELETE?: Handler;
  OPTIONS?: Handler;
}

/** On every answer: no content sniffing, no framing by other sites, no referrer. */
const securityHeaders = [
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
] as const;

/**
 * Routes each request by its path. A trailing slash is ignored. A part of a path in braces, such as `{id}`, is a
 * parameter: any text without a slash, percent-encoded. The request context gets it, and the log shows its name only.
 *
 * @param page serves browsers at every other path
 * @param basePath every route is below it, such as `/kana`; nothing is outside
 */
export function createRouter(
  routes: Record<string, Route>,
  observing: Observing,
  page?: Handler,
  basePath = '',
): RequestListener {
  const find = createFinder(routes);
  const observe = createObserver(observing);
  const nowhere = 'There is nothing at this path';
  const outside = refusal(
    'NOT_FOUND',
    basePath === '' ? `${nowhere}.` : `${nowhere}: everything is below ${basePath}.`,
  );
  const otherwise: Handler = (request, response, requestContext) =>
    page !== undefined && acceptsPage(request)
      ? page(request, response, requestContext)
      : sendJson(response, inFormOf(below(basePath, pathOf(request)), refusal('NOT_FOUND', `${nowhere}.`)));
  return async (request, response) => {
    const asked = below(basePath, pathOf(request));
    const found = asked === null ? null : find(asked);
    const { path, route, params } = found ?? nothing;
    const requestContext = observe(request, response, path);
    requestContext.params = params;
    for (const [name, value] of securityHeaders) response.setHeader(name, value);
    try {
      if (route !== null)
        await inSpan(requestContext, () => follow(path, route, request, response, requestContext));
      else if (asked === null) sendJson(response, outside);
      else await otherwise(request, response, requestContext);
    } catch (error) {
      const { code, message, requestId } = reportFault(observing.log, error, requestContext);
      if (response.headersSent) response.destroy();
      else sendJson(response, inFormOf(asked, refusal(code, message, { requestId })));
    }
  };
}

/** Paths of REST answer errors as RFC 9457 says, also where nothing is. */
const inFormOf = (path: string | null, answer: Answer): Answer =>
  path === '/v1' || path?.startsWith('/v1/') ? problemOf(answer) : answer;

const nothing = { path: null, route: null, params: {} };

interface Found {
  /** As in the table of routes: with the names of parameters. */
  path: string;
  route: Route;
  params: Record<string, string>;
}

function createFinder(routes: Record<string, Route>): (path: string) => Found | null {
  const exact = new Map(Object.entries(routes));
  const patterns = Object.entries(routes)
    .filter(([path]) => path.includes('{'))
    .map(([path, route]) => ({ path, route, parts: path.split('/') }));
  return (asked) => {
    const route = exact.get(asked);
    if (route !== undefined && !asked.includes('{')) return { path: asked, route, params: {} };
    const parts = asked.split('/');
    for (const pattern of patterns) {
      const params = matchParts(pattern.parts, parts);
      if (params !== null) return { path: pattern.path, route: pattern.route, params };
    }
    return null;
  };
}

/** Returns the parameters. Null if the path is another one, or holds an invalid percent-encoding. */
function matchParts(pattern: readonly string[], parts: readonly string[]): Record<string, string> | null {
  if (pattern.length !== parts.length) return null;
  const params: Record<string, string> = {};
  for (const [index, expected] of pattern.entries()) {
    const part = parts[index] ?? '';
    if (!expected.startsWith('{')) {
      if (part !== expected) return null;
      continue;
    }
    const value = decode(part);
    if (value === null) return null;
    params[expected.slice(1, -1)] = value;
  }
  return params;
}

function decode(part: string): string | null {
  try {
    return decodeURIComponent(part) || null;
  } catch {
    return null;
  }
}

const inSpan = ({ span }: RequestContext, work: () => unknown) => (span === null ? work() : span.run(work));

/** Whether a browser requests a page, not a program data. */
const acceptsPage = ({ method, headers }: IncomingMessage): boolean =>
  (method === 'GET' || method === 'HEAD') && headers.accept?.includes('text/html') === true;

/** Returns the path of a request. Some clients send the whole address, as for a proxy. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const [address = '/'] = url.split('?', 1);
  const path = address.startsWith('/') ? address : address.replace(/^https?:\/\/[^/]*/i, '') || '/';
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

/** Returns the rest of a path below the base path. Null if it is outside. */
function below(basePath: string, path: string): string | null {
  if (path === basePath) return '/';
  return path.startsWith(`${basePath}/`) ? path.slice(basePath.length) : null;
}

function follow(
  path: string | null,
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  requestContext: RequestContext,
): unknown {
  // Node.js sends no body in answer to HEAD, so GET can answer it.
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const handle = isRouted(method) ? route[method] : undefined;
  return handle === undefined
    ? refuseMethod(response, Object.keys(route), path)
    : handle(request, response, requestContext);
}

const routedMethods = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

const isRouted = (method: string | undefined): method is keyof Route =>
  routedMethods.some((each) => each === method);

/** @param allowed the methods that this path answers */
export function refuseMethod(response: ServerResponse, allowed: string[], path: string | null = null): void {
  const methods = allowed.join(', ');
  const answer = refusal('METHOD_NOT_ALLOWED', `This path answers ${methods} only.`);
  sendJson(response, inFormOf(path, { ...answer, headers: { Allow: methods } }));
}
