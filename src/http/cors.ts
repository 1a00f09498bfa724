import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Handler, Route } from './router.ts';

/** What the original's browser client sends. */
const allowedHeaders = 'Authorization, Content-Type, X-API-Version, X-User-ID';

/** For how long a browser may remember the answer to its question, in seconds; browsers have lower limits. */
const maxAge = 86_400;

/**
 * Lets scripts of pages from other origins call a route, which a browser does not allow by itself. Cookies are
 * never asked for: the credentials are what the script puts into the headers.
 *
 * @param origins such as `https://app.example.com`, or `*` for every one; without any the route stays as it is
 */
export function withCors(route: Route, origins: readonly string[]): Route {
  if (origins.length === 0) return route;
  return {
    ...route,
    GET: route.GET && allowing(origins, route.GET),
    POST: route.POST && allowing(origins, route.POST),
    // A browser asks before it sends a header that a form could not send.
    OPTIONS: allowing(origins, (_request, response) => {
      response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
      response.setHeader('Access-Control-Allow-Headers', allowedHeaders);
      response.setHeader('Access-Control-Max-Age', maxAge);
      response.writeHead(204).end();
    }),
  };
}

/** Before the handler runs, so that scripts can read a refusal too. */
function allowing(origins: readonly string[], handle: Handler): Handler {
  return (request, response, requestContext) => {
    allowOrigin(origins, request, response);
    return handle(request, response, requestContext);
  };
}

function allowOrigin(origins: readonly string[], request: IncomingMessage, response: ServerResponse): void {
  if (origins.includes('*')) {
    response.setHeader('Access-Control-Allow-Origin', '*');
    return;
  }
  const { origin } = request.headers;
  // The answer depends on the origin, also where it is not allowed: no cache may give it to another.
  response.setHeader('Vary', 'Origin');
  if (origin !== undefined && origins.includes(origin))
    response.setHeader('Access-Control-Allow-Origin', origin);
}
