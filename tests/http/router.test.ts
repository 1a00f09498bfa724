import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

async function ask(method: string, path: string) {
  const response = await fetch(app.url + path, { method, redirect: 'manual' });
  return { status: response.status, headers: response.headers, body: await response.text() };
}

const error = (code: string, message: string) => ({ errors: [{ message, extensions: { code } }] });

test.each(['/graphq', '/graphql/x', '/health', '/__proto__', '/constructor', '/%00', '//graphql'])(
  'the unknown path %s answers 404 as JSON',
  async (path) => {
    const { status, headers, body } = await ask('POST', path);
    expect([status, headers.get('content-type')]).toEqual([404, 'application/json; charset=utf-8']);
    expect(JSON.parse(body)).toEqual(error('NOT_FOUND', 'There is nothing at this path.'));
  },
);

test.each([
  ['PUT', '/graphql', 'GET, POST'],
  ['DELETE', '/graphql', 'GET, POST'],
  ['OPTIONS', '/graphql', 'GET, POST'],
  ['POST', '/health/live', 'GET'],
  ['POST', '/health/ready', 'GET'],
  ['POST', '/', 'GET'],
])('%s %s answers 405 as JSON, and tells what is allowed: %s', async (method, path, allow) => {
  const { status, headers, body } = await ask(method, path);
  expect([status, headers.get('allow')]).toEqual([405, allow]);
  expect(JSON.parse(body)).toEqual(error('METHOD_NOT_ALLOWED', `This path answers ${allow} only.`));
});

test('a slash at the end, or parameters, lead to the same place', async () => {
  for (const path of ['/graphql/', '/graphql?a=b', '/graphql/?health', '/graphql?a=/health'])
    expect((await app.http.post(path).send({ query: '{ __typename }' })).body).toEqual({
      data: { __typename: 'Query' },
    });
});

test('a Host header that is no host changes nothing', async () => {
  const { status, body } = await app.http
    .post('/graphql?a=b')
    .set('Host', '[')
    .send({ query: '{ __typename }' });
  expect([status, body]).toEqual([200, { data: { __typename: 'Query' } }]);
});

test('the front door leads to GraphiQL', async () => {
  const { status, headers } = await ask('GET', '/');
  expect([status, headers.get('location')]).toEqual([302, '/graphql']);
});

test('HEAD answers as GET does, without a body', async () => {
  expect(await ask('HEAD', '/health/live')).toMatchObject({ status: 200, body: '' });
});

test('an address that names the host, as clients send to a proxy, leads to the same place', async () => {
  const { port } = new URL(app.url);
  const answer = await new Promise<string>((resolve, reject) => {
    const sent = request({
      port,
      method: 'POST',
      path: 'http://kana.example.com/graphql?x=1',
      headers: { 'Content-Type': 'application/json', Authorization: app.keys.test },
    });
    sent.on('response', (response) => resolve(text(response))).on('error', reject);
    sent.end(JSON.stringify({ query: '{ users { id } }' }));
  });
  expect(JSON.parse(answer)).toEqual({ data: { users: [] } });
});
