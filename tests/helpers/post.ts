import type { TestApp } from './app.ts';

/** Posts a body to the admin API as it is, with the private key of `test`, and answers what came back. */
export async function post(
  app: TestApp,
  body: string | Buffer<ArrayBuffer>,
  headers: Record<string, string> = {},
) {
  const response = await fetch(`${app.url}/graphql`, {
    method: 'POST',
    body,
    headers: { Authorization: app.keys.test, 'Content-Type': 'application/json', ...headers },
  });
  return { status: response.status, type: response.headers.get('content-type'), body: await response.json() };
}
