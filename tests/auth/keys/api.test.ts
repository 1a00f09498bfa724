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

describe('a key', () => {
  const made = 'key apiKey { id name scopes expiresAt lastUsedAt }';
  const createWith = `mutation ($kind: ApiKeyKind!, $name: String, $expiresAt: DateTime, $scopes: [ApiKeyScope!]) {
    createApiKey(kind: $kind, name: $name, expiresAt: $expiresAt, scopes: $scopes) { ${made} } }`;
  const update = `mutation ($id: String!, $name: String, $expiresAt: DateTime, $scopes: [ApiKeyScope!]) {
    updateApiKey(id: $id, name: $name, expiresAt: $expiresAt, scopes: $scopes) { name scopes expiresAt } }`;
  const future = '2099-01-01T00:00:00.000Z';

  it.each([
    ['PRIVATE', ['read', 'usage', 'ingest', 'admin']],
    ['PUBLIC', ['read']],
    ['WRITE', ['ingest']],
  ])('%s may do everything that its kind may, if no scopes are named', async (kind, scopes) => {
    const { createApiKey } = await app.ok(createWith, { kind });
    expect(createApiKey.apiKey).toMatchObject({ name: null, scopes, expiresAt: null, lastUsedAt: null });
  });

  it('has a name, an expiry and scopes, which can be changed', async () => {
    const terms = { name: ' Billing worker ', expiresAt: future, scopes: ['usage', 'read', 'read'] };
    const { createApiKey } = await app.ok(createWith, { kind: 'PRIVATE', ...terms });
    const { id } = createApiKey.apiKey;
    const known = { name: 'Billing worker', expiresAt: future, scopes: ['read', 'usage'] };
    expect(createApiKey.apiKey).toMatchObject(known);
    expect(await app.ok(update, { id })).toEqual({ updateApiKey: known });
    expect(await app.ok(update, { id, name: null, expiresAt: null, scopes: null })).toEqual({
      updateApiKey: { name: null, expiresAt: null, scopes: ['read', 'usage', 'ingest', 'admin'] },
    });
  });

  it.each([
    ['PRIVATE', { expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    ['PRIVATE', { name: 'x'.repeat(256) }, 'name'],
    ['PRIVATE', { scopes: [] }, 'scopes'],
    ['PUBLIC', { scopes: ['read', 'usage'] }, 'scopes'],
    ['WRITE', { scopes: ['read'] }, 'scopes'],
  ])('%s is refused with %j', async (kind, terms, field) => {
    const error = await app.fails(createWith, { kind, ...terms });
    expect(error).toMatchObject({
      message: expect.stringContaining(field),
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  it('is replaced by one with the same terms, and ends itself', async () => {
    const { createApiKey } = await app.ok(createWith, { kind: 'PRIVATE', name: 'Worker', scopes: ['read'] });
    const { id } = createApiKey.apiKey;
    const rotate = `mutation ($id: String!, $at: DateTime) { rotateApiKey(id: $id, oldExpiresAt: $at) { ${made} } }`;
    const { rotateApiKey } = await app.ok(rotate, { id, at: future });
    expect(rotateApiKey.apiKey).toMatchObject({ name: 'Worker', scopes: ['read'], expiresAt: null });
    expect(rotateApiKey.apiKey.id).not.toBe(id);
    expect(await app.ok('{ features { id } }', {}, rotateApiKey.key)).toEqual({ features: [] });
    const { apiKeys } = await app.ok('{ apiKeys { id expiresAt } }');
    expect(apiKeys).toContainEqual({ id, expiresAt: future });
    expect(await app.fails(rotate, { id: rotateApiKey.apiKey.id, at: '2020-01-01T00:00:00Z' })).toMatchObject(
      {
        extensions: { code: 'BAD_USER_INPUT' },
      },
    );
  });

  it('that is revoked or of the other environment can be neither changed nor replaced', async () => {
    const { createApiKey: theirs } = await app.ok(create, { kind: 'PRIVATE' }, app.keys.live);
    const { createApiKey: revoked } = await app.ok(create, { kind: 'PRIVATE' });
    await app.ok(revoke, { id: revoked.apiKey.id });
    for (const id of [theirs.apiKey.id, revoked.apiKey.id, 'nothing']) {
      expect(await app.fails(update, { id, name: 'x' })).toMatchObject(notFound);
      expect(
        await app.fails('mutation ($id: String!) { rotateApiKey(id: $id) { key } }', { id }),
      ).toMatchObject(notFound);
    }
  });

  it('stands with its name in the audit log', async () => {
    const { createApiKey } = await app.ok(createWith, { kind: 'PRIVATE', name: 'Catalogue worker' });
    const input = { id: 'named', type: 'BINARY' };
    await app.ok(
      'mutation ($input: CreateFeatureInput!) { createFeature(input: $input) { id } }',
      { input },
      createApiKey.key,
    );
    const { auditLog } = await app.ok(
      '{ auditLog(subjectType: FEATURE, first: 1) { author { keyName label } } }',
    );
    const lastFour = createApiKey.key.slice(-4);
    expect(auditLog).toEqual([
      { author: { keyName: 'Catalogue worker', label: `Private key "Catalogue worker" …${lastFour}` } },
    ]);
  });
});

it('a public key reads only with a user token, where the environment wants that', async () => {
  const input = { id: 'ada' };
  await app.ok('mutation ($input: CreateUserInput!) { createUser(input: $input) { id } }', { input });
  const { generateUserToken } = await app.ok('mutation { generateUserToken(userId: "ada") { token } }');
  const ask = (authorization: string) =>
    app.http
      .post('/client/graphql')
      .set({ Authorization: authorization, 'X-User-ID': 'ada' })
      .send({ query: '{ currentUser { id } }' });
  const evaluate = (authorization: string) =>
    app.http
      .post('/ofrep/v1/evaluate/flags')
      .set('Authorization', authorization)
      .send({ context: { targetingKey: 'ada' } });
  // Another key than before: the keyring remembers a key with the setting as it was.
  const publicKey = async () => (await app.ok(create, { kind: 'PUBLIC' })).createApiKey.key;
  const set =
    'mutation ($input: UpdateEnvironmentInput!) { updateEnvironment(input: $input) { requireUserToken } }';

  expect((await ask(await publicKey())).status).toBe(200);
  expect(await app.ok(set, { input: { requireUserToken: true } })).toEqual({
    updateEnvironment: { requireUserToken: true },
  });
  const refused = await publicKey();
  expect([(await ask(refused)).status, (await evaluate(refused)).status]).toEqual([401, 401]);
  const token = `Bearer ${generateUserToken.token}`;
  expect([(await ask(token)).status, (await evaluate(token)).status]).toEqual([200, 200]);
});
