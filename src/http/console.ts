import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import type { Handler, Route } from './router.ts';

/** The console's files, as its build left them; each also compressed, by its encoding. */
export interface ConsoleFiles {
  /** By the path that they are asked for at, such as `/assets/index-1a2b3c.js`. */
  assets: Map<string, ConsoleFile>;
  page: ConsoleFile;
}

interface ConsoleFile {
  type: string;
  plain: Buffer;
  br: Buffer;
  gzip: Buffer;
}

const types: Record<string, string> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/**
 * Nothing from outside, and no script but the console's own files. Styles may be in the page: the component
 * library writes its theme's variables into it.
 */
const policy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const pageHeaders = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy': policy,
  'Cross-Origin-Opener-Policy': 'same-origin',
};

/** Its name changes with its content, so it never has to be asked for again. */
const assetHeaders = { 'Cache-Control': 'public, max-age=31536000, immutable' };

/** Reads the built console into memory; null if it has not been built. */
export async function loadConsole(directory: string): Promise<ConsoleFiles | null> {
  const names = await readdir(directory, { recursive: true }).catch(() => []);
  const read = async (name: string): Promise<[string, ConsoleFile]> => {
    const path = join(directory, name);
    const [plain, br, gzip] = await Promise.all([
      readFile(path),
      readFile(`${path}.br`),
      readFile(`${path}.gz`),
    ]);
    return [`/${name.replaceAll('\\', '/')}`, { type: types[extname(name)] ?? '', plain, br, gzip }];
  };
  const assets = new Map(await Promise.all(names.filter((name) => extname(name) in types).map(read)));
  const page = assets.get('/index.html');
  if (page === undefined) return null;
  assets.delete('/index.html');
  return { assets, page };
}

/** The routes of the console's files. */
export function createAssetRoutes({ assets }: ConsoleFiles): Record<string, Route> {
  const routes = [...assets].map(([path, file]) => [path, { GET: serve(file, assetHeaders) }]);
  return Object.fromEntries(routes);
}

/** The one page: which part of it is shown, the address tells the scripts in it. */
export const createConsolePage = ({ page }: ConsoleFiles): Handler => serve(page, pageHeaders);

function serve(file: ConsoleFile, headers: Record<string, string>): Handler {
  return (request, response) => {
    const accepted = String(request.headers['accept-encoding']);
    const encoding = /\bbr\b/.test(accepted) ? 'br' : /\bgzip\b/.test(accepted) ? 'gzip' : null;
    const body = encoding === null ? file.plain : file[encoding];
    response.writeHead(200, {
      ...headers,
      'Content-Type': file.type,
      'Content-Length': body.length,
      Vary: 'Accept-Encoding',
      ...(encoding === null ? {} : { 'Content-Encoding': encoding }),
    });
    response.end(body);
  };
}
