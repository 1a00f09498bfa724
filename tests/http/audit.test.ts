import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { serverAudits } from 'graphql-http';
import { startTestApp, type TestApp } from '../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

/** What GraphQL over HTTP demands (MUST), recommends (SHOULD) and suggests (MAY), as its authors test it. */
describe.each(['/graphql', '/client/graphql'])('%s', (path) => {
  test.each(serverAudits({ url: () => `${app.url}${path}` }))('$id: $name', async (audit) => {
    expect(await audit.fn()).toEqual({ id: audit.id, name: audit.name, status: 'ok' });
  });
});

describe('an operation in an address', () => {
  const get = (path: string, query: string, headers: Record<string, string>) =>
    app.http.get(path).query({ query }).set(headers);

  test.each([
    ['/graphql', () => ({ Authorization: app.keys.test }), '{ features { id } }'],
    ['/graphql', () => ({}), '{ features { id } }'],
    ['/graphql', () => ({}), '{ every: __typename }'],
    [
      '/client/graphql',
      () => ({ Authorization: app.keys.publicTest, 'X-User-ID': 'ada' }),
      '{ currentUser { id } }',
    ],
  ])('is refused at %s unless it is introspection', async (path, headers, query) => {
    const { status, headers: answered, body } = await get(path, query, headers());
    expect(status).toBe(405);
    expect(answered.allow).toBe('POST');
    expect(body).toEqual({
      errors: [
        {
          message: 'Send operations by POST: GET answers introspection only.',
          extensions: { code: 'METHOD_NOT_ALLOWED' },
        },
      ],
    });
  });

  test('changes nothing', async () => {
    const query = 'mutation { createUser(input: { id: "ada" }) { id } }';
    const { status } = await get('/graphql', query, { Authorization: app.keys.test });
    expect(status).toBe(405);
    expect(await app.database.prisma.user.count()).toBe(0);
  });

  test('may introspect, also where question marks stand in it', async () => {
    const { body } = await app.http.get('/graphql?query={__type(name:"What?"){name}}');
    expect(body).toEqual({ data: { __type: null } });
  });
});
