import { createHash } from 'node:crypto';
import { refusal, sendJson } from '../http/response.ts';
import type { Handler, Route } from '../http/router.ts';
import { loadPages } from './pages.ts';

const types: Record<string, string> = {
  graphql: 'text/plain; charset=utf-8',
  json: 'application/json; charset=utf-8',
  md: 'text/markdown; charset=utf-8',
  txt: 'text/plain; charset=utf-8',
};

/** Serves llms.txt, and what it leads to, to everybody: it is the same on every server of this version. */
export function createDocumentRoutes(): Record<string, Route> {
  const serve = (pathOf: (params: Readonly<Record<string, string>>) => string): Route => ({
    GET: send(pathOf),
  });
  return {
    '/llms.txt': serve(() => 'llms.txt'),
    '/CHANGELOG.md': serve(() => 'CHANGELOG.md'),
    '/schema.graphql': serve(() => 'schema.graphql'),
    '/schema.client.graphql': serve(() => 'schema.client.graphql'),
    '/docs/{page}': serve(({ page }) => `docs/${page}`),
    '/docs/{folder}/{page}': serve(({ folder, page }) => `docs/${folder}/${page}`),
    '/docs/{folder}/{part}/{page}': serve(({ folder, part, page }) => `docs/${folder}/${part}/${page}`),
  };
}

function send(pathOf: (params: Readonly<Record<string, string>>) => string): Handler {
  return async ({ headers }, response, { params }) => {
    const path = pathOf(params);
    // Only what was listed is served: a path is never a path of the file system.
    const text = (await loadPages()).get(path);
    if (text === undefined) {
      sendJson(response, refusal('NOT_FOUND', 'There is no such page. /llms.txt lists them.'));
      return;
    }
    const tag = `"${createHash('sha256').update(text).digest('base64url').slice(0, 27)}"`;
    const caching = { 'Cache-Control': 'public, no-cache', ETag: tag, 'Access-Control-Allow-Origin': '*' };
    if (headers['if-none-match'] === tag) {
      response.writeHead(304, caching).end();
      return;
    }
    const body = Buffer.from(text);
    const type = types[path.split('.').at(-1) ?? ''];
    response.writeHead(200, { ...caching, 'Content-Type': type, 'Content-Length': body.length });
    response.end(body);
  };
}
