import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../../helpers/app.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const create =
  'mutation ($kind: ApiKeyKind!) { createApiKey(kind: $kind) { key apiKey { id kind lastFour revokedAt } } }';
const revoke = 'mutation ($id: String!) { revokeApiKey(id: $id) { id revokedAt } }';
const list = '{ apiKeys { id kind lastFour revokedAt } }';

const notFound = { extensions: { code: 'NOT_FOUND', exception: { name: 'ApiKeyNotFoundError' } } };

describe('createApiKey', () => {
  it.each([
    ['PRIVATE', /^prv_live_[A-Za-z0-9]{32}$/],
    ['PUBLIC', /^pub_live_[A-Za-z0-9]{32}$/],
    ['WRITE', /^wrt_live_[A-Za-z0-9]{32}$/],
  ])('makes a %s key of the environment, and tells it once', async (kind, pattern) => {
    const { createApiKey: made } = await app.ok(create, { kind }, app.keys.live);
    expect(made).toEqual({
      key: expect.stringMatching(pattern),
      apiKey: { id: expect.any(String), kind, lastFour: made.key.slice(-4), revokedAt: null },
    });
    const { apiKeys } = await app.ok(list, {}, app.keys.live);
    expect(apiKeys).toContainEqual(made.apiKey);
    expect(JSON.stringify(apiKeys)).not.toContain(made.key);
  });

  it('makes a key that works at once', async () => {
    const { createApiKey: made } = await app.ok(create, { kind: 'PRIVATE' });
    expect(await app.ok('{ features { id } }', {}, made.key)).toEqual({ features: [] });
  });
});

describe('apiKeys', () => {
  it('are those of the environment alone', async () => {
    const { apiKeys } = await app.ok(list);
    const fours = apiKeys.map(({ lastFour }: { lastFour: string }) => lastFour);
    expect(fours).toContain(app.keys.test.slice(-4));
    expect(fours).not.toContain(app.keys.live.slice(-4));
  });

  it('refuses to list after what is no key of the environment', async () => {
    const query = 'query ($after: String) { apiKeys(first: 1, after: $after) { id } }';
    expect(await app.fails(query, { after: 'nothing' })).toMatchObject({
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });
});

describe('revokeApiKey', () => {
  it('ends a key, once', async () => {
    const { createApiKey: made } = await app.ok(create, { kind: 'PRIVATE' });
    const { revokeApiKey: revoked } = await app.ok(revoke, { id: made.apiKey.id });
    expect(revoked).toEqual({ id: made.apiKey.id, revokedAt: expect.any(String) });
    expect(await app.fails('{ features { id } }', {}, made.key)).toMatchObject({
      extensions: { code: 'UNAUTHENTICATED' },
    });
    expect(await app.fails(revoke, { id: made.apiKey.id })).toMatchObject(notFound);
  });

  it('leaves the keys of the other environment alone', async () => {
    const { createApiKey: made } = await app.ok(create, { kind: 'PUBLIC' }, app.keys.live);
    expect(await app.fails(revoke, { id: made.apiKey.id })).toMatchObject(notFound);
    expect(await app.fails(revoke, { id: 'nothing' })).toMatchObject(notFound);
  });
});
