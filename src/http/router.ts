import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { reportFault } from './faults.ts';
import { createObserver, type Observing } from './observer.ts';
import type { RequestContext } from './request-context.ts';
import { refusal, sendJson } from './response.ts';

export type Handler = (
  request: IncomingMessage,
  response: ServerResponse,
  requestContext: RequestContext,
) => unknown;

/** What answers at one path, by method. */
export interface Route {
  GET?: Handler;
  POST?: Handler;
  PUT?: Handler;
  DELETE?: Handler;
  OPTIONS?: Handler;
}

/** On every answer: it is what its type says, shows nothing in another site's frame, and names itself to nobody. */
const securityHeaders = [
  ['Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'"],
  ['Referrer-Policy', 'no-referrer'],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
] as const;

/**
 * Hands each request to the route of its path; a slash at the end makes no difference.
 *
 * @param page what a browser gets at every other path
 */
export function createRouter(
  routes: Record<string, Route>,
  observing: Observing,
  page?: Handler,
): RequestListener {
  const known = new Map(Object.entries(routes));
  const observe = createObserver(observing);
  return async (request, response) => {
    const path = pathOf(request);
    const route = known.get(path);
    const requestContext = observe(request, response, route === undefined ? null : path);
    for (const [name, value] of securityHeaders) response.setHeader(name, value);
    try {
      if (route !== undefined)
        await inSpan(requestContext, () => follow(route, request, response, requestContext));
      else if (page !== undefined && asksForPage(request)) await page(request, response, requestContext);
      else sendJson(response, refusal('NOT_FOUND', 'There is nothing at this path.'));
    } catch (error) {
      const { code, message, requestId } = reportFault(observing.log, error, requestContext);
      if (response.headersSent) response.destroy();
      else sendJson(response, refusal(code, message, { requestId }));
    }
  };
}

const inSpan = ({ span }: RequestContext, work: () => unknown) => (span === null ? work() : span.run(work));

/** Whether a person's browser asks for a page, rather than a program for data. */
const asksForPage = ({ method, headers }: IncomingMessage): boolean =>
  (method === 'GET' || method === 'HEAD') && headers.accept?.includes('text/html') === true;

/** The path of an address; clients that take us for a proxy send the whole address. */
function pathOf({ url = '/' }: IncomingMessage): string {
  const [address = '/'] = url.split('?', 1);
  const path = address.startsWith('/') ? address : address.replace(/^https?:\/\/[^/]*/i, '') || '/';
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
}

function follow(
  route: Route,
  request: IncomingMessage,
  response: ServerResponse,
  requestContext: RequestContext,
): unknown {
  // Node sends no body with the answer to a HEAD, so GET can answer it.
  const method = request.method === 'HEAD' ? 'GET' : request.method;
  const handle = isRouted(method) ? route[method] : undefined;
  return handle === undefined
    ? refuseMethod(response, Object.keys(route))
    : handle(request, response, requestContext);
}

const isRouted = (method: string | undefined): method is keyof Route =>
  method === 'GET' || method === 'POST' || method === 'PUT' || method === 'DELETE' || method === 'OPTIONS';

/** @param allowed the methods that this path answers */
export function refuseMethod(response: ServerResponse, allowed: string[]): void {
  const methods = allowed.join(', ');
  const answer = refusal('METHOD_NOT_ALLOWED', `This path answers ${methods} only.`);
  sendJson(response, { ...answer, headers: { Allow: methods } });
}
