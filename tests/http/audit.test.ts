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
  const admin = () => ({ Authorization: app.keys.test });

  test('is answered if it only reads, to its caller alone', async () => {
    const { status, headers, body } = await get('/graphql', '{ features { id } }', admin());
    expect([status, body]).toEqual([200, { data: { features: [] } }]);
    expect(headers['cache-control']).toBe('private, no-store');
    expect(headers.vary).toMatch(/Authorization/);
  });

  test('takes variables and the name of the operation', async () => {
    const query = 'query A { __typename } query B($first: Int) { users(first: $first) { id } }';
    const parameters = { query, variables: '{"first": 2}', operationName: 'B' };
    const { body } = await app.http.get('/graphql').query(parameters).set(admin());
    expect(body).toEqual({ data: { users: [] } });
  });

  test('that changes something is refused, and changes nothing', async () => {
    const query = 'mutation { createUser(input: { id: "ada" }) { id } }';
    const { status, headers, body } = await get('/graphql', query, admin());
    expect([status, headers.allow]).toEqual([405, 'POST']);
    const message = 'Can only perform a mutation operation from a POST request.';
    expect(body).toEqual({ errors: [{ message, extensions: { code: 'BAD_REQUEST' } }] });
    expect(await app.database.prisma.user.count()).toBe(0);
  });

  test.each([
    ['/graphql', '{ features { id } }'],
    ['/graphql', '{ every: __typename }'],
    ['/graphql', 'mutation { createUser(input: { id: "ada" }) { id } }'],
    ['/client/graphql', '{ currentUser { id } }'],
  ])('needs a key as everywhere at %s: %s', async (path, query) => {
    const { status, body } = await get(path, query, {});
    expect([status, body.errors[0].extensions.code]).toEqual([401, 'UNAUTHENTICATED']);
  });

  test('that is missing is asked for', async () => {
    for (const path of ['/graphql', '/graphql?variables={}']) {
      const { status, body } = await app.http.get(path).set(admin());
      const message = 'query must be a string that holds the operation.';
      expect([status, body.errors[0].message]).toEqual([400, message]);
    }
  });

  test('may introspect without a key, also where question marks stand in it', async () => {
    const { body } = await app.http.get('/graphql?query={__type(name:"What?"){name}}');
    expect(body).toEqual({ data: { __type: null } });
  });
});
