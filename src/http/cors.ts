import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Handler, Route } from './router.ts';

/** The headers that Kana's browser client sends. */
const allowedHeaders = 'Authorization, Content-Type, X-API-Version, X-User-ID';

/** How long browsers may cache a preflight answer. They have lower limits. */
const maxAgeSeconds = 86_400;

/**
 * Allows pages of other origins to call a route. Cookies are not allowed: scripts send credentials in headers.
 *
 * @param origins such as `https://app.example.com`, or `*` for all. If empty, the route is unchanged
 * @param headers the request headers that pages may set
 */
export function withCors(route: Route, origins: readonly string[], headers = allowedHeaders): Route {
  if (origins.length === 0) return route;
  return {
    ...route,
    GET: route.GET && allowing(origins, route.GET),
    POST: route.POST && allowing(origins, route.POST),
    // The preflight request, before requests with headers that a form could not send.
    OPTIONS: allowing(origins, (_request, response) => {
      response.setHeader('Access-Control-Allow-Methods', 'GET, POST');
      response.setHeader('Access-Control-Allow-Headers', headers);
      response.setHeader('Access-Control-Max-Age', maxAgeSeconds);
      response.writeHead(204).end();
    }),
  };
}

/** Sets the headers before the handler runs, so that scripts can read refusals too. */
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
  // The answer depends on the origin, even if it is not allowed: caches must not reuse it for another origin.
  response.setHeader('Vary', 'Origin');
  if (origin !== undefined && origins.includes(origin))
    response.setHeader('Access-Control-Allow-Origin', origin);
}
