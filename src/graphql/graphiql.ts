import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Handler } from '../http/router.ts';

/** The initial content of the GraphiQL page of one API. */
export interface GraphiqlPage {
  endpoint: string;
  /** The headers to fill in. */
  headers: Record<string, string>;
  defaultQuery: string;
}

const howTo = (fillIn: string, ...also: string[]) => `# Welcome to Open Kana.
#
# 1. Fill in the headers below:
#    ${[fillIn, ...also].join('\n#    ')}
#    They stay in this browser until you clear them.
# 2. Press the play button, or Ctrl-Enter.
#
# The book icon on the left opens the documentation.
`;

export const adminPage: GraphiqlPage = {
  endpoint: '/graphql',
  headers: { Authorization: '', 'X-Kana-Console': 'test' },
  defaultQuery: `${howTo(
    'a private key, prv_test_... or prv_live_...',
    'Or none: whoever is signed in to the console is signed in here, to the environment in X-Kana-Console.',
  )}
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
`,
};

export const clientPage: GraphiqlPage = {
  endpoint: '/client/graphql',
  headers: { Authorization: '', 'X-User-ID': '' },
  defaultQuery: `${howTo('a public key, and the id of a user.')}
query CurrentUser {
  currentUser {
    id
    subscribedPackages {
      id
      features {
        id
        entitlement {
          access
          reason
          consumption {
            used
            budget
            overageEnabled
          }
        }
      }
    }
  }
}
`,
};

/**
 * The Content-Security-Policy: the page runs only its own scripts, and neither loads from nor sends to other origins.
 */
function policyOf(html: string): string {
  const scripts = [...html.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script = '']) => hashOf(script));
  return [
    "default-src 'none'",
    `script-src ${scripts.join(' ')}`,
    'worker-src blob:',
    "style-src 'unsafe-inline'",
    'img-src data:',
    'font-src data:',
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ');
}

const hashOf = (script: string) => `'sha256-${createHash('sha256').update(script).digest('base64')}'`;

/**
 * The GraphiQL page. It contains its scripts, styles and workers, so it works without the internet. It is several
 * megabytes large, so it is rendered on the first request.
 */
export function createGraphiqlPage(start: GraphiqlPage): Handler {
  let page: ReturnType<typeof renderPage> | undefined;
  return async (request, response) => {
    page ??= renderPage(start);
    const { plain, zipped, policy } = await page;
    const zip = /\bgzip\b/.test(String(request.headers['accept-encoding']));
    const body = zip ? zipped : plain;
    response.writeHead(200, {
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Length': body.length,
      'Content-Security-Policy': policy,
      Vary: 'Accept, Accept-Encoding',
      ...(zip ? { 'Content-Encoding': 'gzip' } : {}),
    });
    response.end(body);
  };
}

async function renderPage({ headers, ...start }: GraphiqlPage) {
  const { renderGraphiQL } = await import('@graphql-yoga/render-graphiql');
  const options = { ...start, title: 'Open Kana', headers: JSON.stringify(headers, null, 2) };
  const html = renderGraphiQL(options);
  const plain = Buffer.from(html);
  return { plain, zipped: await promisify(gzip)(plain), policy: policyOf(html) };
}
