import { readdir, readFile } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Handler, Route } from './router.ts';

/** The built files of the console, each also compressed. */
export interface ConsoleFiles {
  /** By their request path, such as `/assets/index-1a2b3c.js`. */
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
 * Only the console's own files, and nothing from other origins. Inline styles are allowed: the component library writes
 * the variables of its theme into the page.
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

/** The name of an asset changes with its content, so browsers may cache it for ever. */
const assetHeaders = { 'Cache-Control': 'public, max-age=31536000, immutable' };

/** How many files, each in three encodings, are open at once. */
const filesAtOnce = 16;

/**
 * Reads the built console into memory. Null if it is not built.
 *
 * @param basePath where browsers find it, such as `/kana`
 * @param keysCommand the command that lists and makes keys, if it is not the one in the page
 */
export async function loadConsole(
  directory: string,
  basePath = '',
  keysCommand?: string,
): Promise<ConsoleFiles | null> {
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
  const files = names.filter((name) => extname(name) in types);
  const assets = new Map<string, ConsoleFile>();
  for (let from = 0; from < files.length; from += filesAtOnce)
    for (const [path, file] of await Promise.all(files.slice(from, from + filesAtOnce).map(read)))
      assets.set(path, file);
  const page = assets.get('/index.html');
  if (page === undefined) return null;
  assets.delete('/index.html');
  return { assets, page: adapted(page, basePath, keysCommand) };
}

/** The page names its files from the root, and tells its scripts the base path. Scripts find each other by themselves. */
function adapted(page: ConsoleFile, basePath: string, keysCommand = 'npm run keys --'): ConsoleFile {
  const html = page.plain
    .toString()
    .replace('content="npm run keys --"', `content="${keysCommand}"`)
    .replaceAll(/(href|src)="\//g, `$1="${basePath}/`)
    .replace('<meta name="base-path" content=""', `<meta name="base-path" content="${basePath}"`)
    .replace('at /graphql', `at ${basePath}/graphql`);
  const plain = Buffer.from(html);
  return { ...page, plain, br: brotliCompressSync(plain), gzip: gzipSync(plain) };
}

/** Returns the routes of the console's assets. */
export function createAssetRoutes({ assets }: ConsoleFiles): Record<string, Route> {
  const routes = [...assets].map(([path, file]) => [path, { GET: serve(file, assetHeaders) }]);
  return Object.fromEntries(routes);
}

/** Serves the single page. Its scripts read the address to choose what to show. */
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
