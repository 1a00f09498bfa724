import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Handler } from './router.ts';

const defaultQuery = `# Welcome to Open Kana.
#
# 1. Open "Headers" below and put your private key into it: { "Authorization": "prv_test_..." }
# 2. Press the play button, or Ctrl-Enter.
#
# The book on the left explains every type, field and argument.

query Overview {
  features {
    id
    type
  }
  packages(status: "ALL") {
    id
    status
    isAddon
    features {
      id
      limit
      resetPeriod
      overageEnabled
    }
  }
  users(first: 5) {
    id
    name
  }
}
`;

const options = {
  title: 'Open Kana',
  endpoint: '/graphql',
  defaultQuery,
  headers: JSON.stringify({ Authorization: '' }, null, 2),
};

/**
 * The page by which people try operations in a browser. Scripts, styles and workers are all inside it, so it
 * works without the internet. It weighs megabytes, so it is made when the first person asks for it.
 */
export function createGraphiqlPage(): Handler {
  let page: Promise<{ plain: Buffer; zipped: Buffer }> | undefined;
  return async (request, response) => {
    page ??= renderPage();
    const { plain, zipped } = await page;
    const zip = /\bgzip\b/.test(String(request.headers['accept-encoding']));
    const body = zip ? zipped : plain;
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': body.length,
      Vary: 'Accept, Accept-Encoding',
      ...(zip ? { 'Content-Encoding': 'gzip' } : {}),
    });
    response.end(body);
  };
}

async function renderPage() {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const plain = Buffer.from(renderGraphiQL(options));
  return { plain, zipped: await promisify(gzip)(plain) };
}
