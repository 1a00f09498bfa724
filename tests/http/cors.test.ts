import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

const page = 'https://app.example.com';

/** What an answer tells a browser about other origins. */
function told(headers: Record<string, string>) {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => name.startsWith('access-control-') || name === 'vary'),
  );
}

let app: TestApp;
const start = (clientOrigins: string[]) => async () => {
  app = await startTestApp({ clientOrigins });
};

/** What a browser asks before the client of a page of `origin` may send its request. */
async function preflight(path: string, origin: string) {
  const { status, text, headers } = await app.http
    .options(path)
    .set('Origin', origin)
    .set('Access-Control-Request-Method', 'POST')
    .set('Access-Control-Request-Headers', 'authorization,content-type,x-api-version,x-user-id');
  return { status, text, told: told(headers) };
}

async function post(
  path: string,
  origin: string,
  body: string | object = { query: '{ currentUser { id } }' },
) {
  const { status, headers } = await app.http.post(path).set('Origin', origin).send(body);
  return { status, told: told(headers) };
}

const allowed = {
  'access-control-allow-methods': 'GET, POST',
  'access-control-allow-headers': 'Authorization, Content-Type, X-API-Version, X-User-ID',
  'access-control-max-age': '86400',
};

describe('with allowed origins, the client API', () => {
  beforeAll(start(['https://www.example.com', page]));
  afterAll(() => app.close());

  it('lets a page of one of them send what the browser client sends', async () => {
    expect(await preflight('/client/graphql', page)).toEqual({
      status: 204,
      text: '',
      told: { vary: 'Origin', 'access-control-allow-origin': page, ...allowed },
    });
  });

  it('lets it read every answer, a refusal too', async () => {
    const readable = { vary: 'Origin', 'access-control-allow-origin': page };

    expect(await post('/client/graphql', page)).toEqual({ status: 401, told: readable });
    expect(await post('/client/graphql', page, 'no JSON')).toEqual({ status: 400, told: readable });
    expect(await post('/client/graphql', page, { query: 'x'.repeat(1024 * 1024) })).toEqual({
      status: 401,
      told: readable,
    });
  });

  it.each([
    ['another origin', 'https://evil.example.com'],
    ['the same name over HTTP', 'http://app.example.com'],
    ['another port', 'https://app.example.com:8443'],
    ['a name that begins alike', 'https://app.example.com.evil.com'],
    ['a page without an origin', 'null'],
  ])('tells nothing to %s', async (_which, origin) => {
    expect(await preflight('/client/graphql', origin)).toEqual({
      status: 204,
      text: '',
      told: { vary: 'Origin', ...allowed },
    });
    expect(await post('/client/graphql', origin)).toEqual({ status: 401, told: { vary: 'Origin' } });
  });

  it.each(['/graphql', '/health/live', '/'])('is the only one: %s allows nobody', async (path) => {
    expect(await preflight(path, page)).toMatchObject({ status: 405, told: {} });
    expect((await post(path, page)).told).toEqual({});
  });
});

describe('with * for the origins, the client API', () => {
  beforeAll(start(['*']));
  afterAll(() => app.close());

  it('lets every page send and read', async () => {
    const everyone = { 'access-control-allow-origin': '*' };

    expect((await preflight('/client/graphql', 'https://anybody.example')).told).toEqual({
      ...everyone,
      ...allowed,
    });
    expect(await post('/client/graphql', 'null')).toEqual({ status: 401, told: everyone });
  });
});

describe('without origins, the client API', () => {
  beforeAll(start([]));
  afterAll(() => app.close());

  it('is for pages of its own origin only', async () => {
    expect(await preflight('/client/graphql', page)).toMatchObject({ status: 405, told: {} });
    expect(await post('/client/graphql', page)).toEqual({ status: 401, told: {} });
  });
});
