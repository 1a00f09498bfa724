import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage, createUser } from '../helpers/factories.ts';
import { statementsOf } from '../helpers/statements.ts';

const fields = `id at author { kind keyId lastFour label } action subjectType subjectId before after withheld requestId`;
const list = `query ($first: Int, $after: String, $subjectType: AuditSubject, $subjectId: String, $userId: String, $keyId: String) {
  auditLog(first: $first, after: $after, subjectType: $subjectType, subjectId: $subjectId, userId: $userId, keyId: $keyId) { ${fields} } }`;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'messages' });
  await createPackage(app.database.prisma, { id: 'base', features: ['messages'] });
  await createPackage(app.database.prisma, { id: 'bigger', features: ['messages'] });
});
afterAll(() => app.close());

interface Entry {
  id: string;
  at: string;
  author: { kind: string; keyId: string | null; lastFour: string | null; label: string };
  action: string;
  subjectId: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
  withheld: string[];
}
const log = async (variables: object = {}, key = app.keys.test): Promise<Entry[]> =>
  (await app.ok(list, variables, key)).auditLog;
/** What is told of one subject, the newest first, without who and when. */
async function changesOf(subjectType: string, subjectId: string) {
  const entries = await log({ subjectType, subjectId });
  return entries.map(({ action, before, after, withheld }) => ({ action, before, after, withheld }));
}
const make = (id: string) =>
  app.ok(`mutation { createFeature(input: { id: "${id}", type: BINARY }) { id } }`);

describe('auditLog', () => {
  test('tells who changed what, from what to what, the newest first', async () => {
    await app.ok(
      'mutation { createFeature(input: { id: "calls", type: CONSUMABLE, name: "Calls" }) { id } }',
    );
    await app.ok('mutation { updateFeature(id: "calls", input: { name: "API calls" }) { id } }');

    const [update, create] = await log({ subjectType: 'FEATURE', subjectId: 'calls' });
    expect(update).toEqual({
      id: expect.any(String),
      at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
      author: {
        kind: 'PRIVATE_KEY',
        keyId: expect.stringMatching(/^[0-9a-f-]{36}$/),
        lastFour: app.keys.test.slice(-4),
        label: `Private key …${app.keys.test.slice(-4)}`,
      },
      action: 'updateFeature',
      subjectType: 'FEATURE',
      subjectId: 'calls',
      before: { name: 'Calls' },
      after: { name: 'API calls' },
      withheld: [],
      requestId: expect.anything(),
    });
    expect(create).toMatchObject({
      action: 'createFeature',
      before: null,
      after: { name: 'Calls', type: 'CONSUMABLE' },
    });
  });

  test('tells of the life of a package', async () => {
    await app.ok('mutation { createPackage(input: { id: "life", features: [{ id: "messages" }] }) { id } }');
    await app.ok('mutation { publishPackage(id: "life") { id } }');
    await app.ok(
      'mutation { setPackagePrice(packageId: "life", input: { id: "p", amount: 5, currency: "gbp" }) { id } }',
    );
    await app.ok('mutation { archivePackage(id: "life") { id } }');

    const price = { id: 'p', provider: 'STRIPE', amount: 5, currency: 'gbp', interval: null };
    const changes = await changesOf('PACKAGE', 'life');
    expect(changes.slice(0, 3)).toEqual([
      {
        action: 'archivePackage',
        before: { status: 'PUBLISHED' },
        after: { status: 'ARCHIVED' },
        withheld: [],
      },
      { action: 'setPackagePrice', before: { prices: [] }, after: { prices: [price] }, withheld: [] },
      { action: 'publishPackage', before: { status: 'DRAFT' }, after: { status: 'PUBLISHED' }, withheld: [] },
    ]);
    expect(changes[3]?.after).toMatchObject({
      features: [{ id: 'messages', limit: null }],
      basePackages: [],
    });
  });

  test('never holds a key or a hash, only what tells keys apart', async () => {
    const { createApiKey } = await app.ok(
      'mutation { createApiKey(kind: PUBLIC) { key apiKey { id lastFour } } }',
    );
    const { id, lastFour } = createApiKey.apiKey;
    await app.ok('mutation ($id: String!) { revokeApiKey(id: $id) { id } }', { id });

    expect(await changesOf('API_KEY', id)).toEqual([
      { action: 'revokeApiKey', before: { revoked: false }, after: { revoked: true }, withheld: [] },
      {
        action: 'createApiKey',
        before: null,
        after: { kind: 'PUBLIC', lastFour, revoked: false, scopes: ['read'] },
        withheld: [],
      },
    ]);
    const everything = JSON.stringify(
      await app.database.prisma.$queryRaw`SELECT to_jsonb(e) FROM audit_entry e`,
    );
    const { hash } = await app.database.prisma.apiKey.findUniqueOrThrow({ where: { id } });
    expect(everything).not.toContain(createApiKey.key);
    expect(everything).not.toContain(hash);
  });

  test('tells of subscriptions, and finds them by their user, also after a new id', async () => {
    await createUser(app.database.prisma, { id: 'sub' });
    await app.ok('mutation { subscribe(userId: "sub", packageIds: ["base"]) { id } }');
    await app.ok('mutation { changePackage(userId: "sub", packageId: "bigger") { subscription { id } } }');
    await app.ok('mutation { updateUser(id: "sub", input: { id: "renamed" }) { id } }');

    const entries = await log({ userId: 'renamed' });
    expect(entries.map(({ action, before, after }) => ({ action, before, after }))).toEqual([
      { action: 'updateUser', before: { id: 'sub' }, after: { id: 'renamed' } },
      {
        action: 'changePackage',
        before: null,
        after: { userId: 'sub', packageId: 'bigger', version: 1, status: 'ACTIVE' },
      },
      { action: 'changePackage', before: { status: 'ACTIVE' }, after: { status: 'CANCELLED' } },
      {
        action: 'subscribe',
        before: null,
        after: { userId: 'sub', packageId: 'base', version: 1, status: 'ACTIVE' },
      },
    ]);
  });

  test('leaves out what failed, and what changed nothing', async () => {
    await make('taken');
    const before = await app.database.prisma.auditEntry.count();
    await app.fails('mutation { createFeature(input: { id: "taken", type: BINARY }) { id } }');
    await app.fails('mutation { subscribe(userId: "renamed", packageIds: ["bigger"]) { id } }');
    await app.fails('mutation { deleteUser(id: "nobody") { id } }');
    await app.ok('mutation { updateFeature(id: "taken", input: { name: "taken" }) { id } }');
    expect(await app.database.prisma.auditEntry.count()).toBe(before);
  });

  test('has one row, of one of several who try the same at once', async () => {
    const { createApiKey } = await app.ok('mutation { createApiKey(kind: PUBLIC) { apiKey { id } } }');
    const { id } = createApiKey.apiKey;
    const revoke = () =>
      app.http
        .post('/graphql')
        .set('Authorization', app.keys.test)
        .send({ query: `mutation { revokeApiKey(id: "${id}") { id } }` });
    const answers = await Promise.all([revoke(), revoke(), revoke()]);
    expect(answers.filter(({ body }) => body.errors === undefined)).toHaveLength(1);
    expect(await changesOf('API_KEY', id)).toHaveLength(2);
  });

  test('follows changes of the same thing without a gap, however they race', async () => {
    await make('raced');
    const rename = (name: string) =>
      app.ok(`mutation { updateFeature(id: "raced", input: { name: "${name}" }) { id } }`);
    await Promise.all(['a', 'b', 'c', 'd', 'e', 'f'].map(rename));
    const names = (await changesOf('FEATURE', 'raced'))
      .reverse()
      .map(({ before, after }) => [before?.name, after?.name]);
    expect(names).toHaveLength(7);
    for (const [index, [before]] of names.entries()) expect(before).toBe(names[index - 1]?.[1]);
  });

  test('pages by the last entry seen', async () => {
    for (const id of ['page-1', 'page-2', 'page-3']) await make(id);
    const first = await log({ first: 2 });
    expect(first.map(({ subjectId }) => subjectId)).toEqual(['page-3', 'page-2']);
    const [next] = await log({ first: 1, after: first[1]?.id });
    expect(next?.subjectId).toBe('page-1');
  });

  test('finds what one key did', async () => {
    const { createApiKey } = await app.ok('mutation { createApiKey(kind: PRIVATE) { key apiKey { id } } }');
    const { key, apiKey } = createApiKey;
    await app.ok('mutation { createFeature(input: { id: "by-other", type: BINARY }) { id } }', {}, key);
    const entries = await log({ keyId: apiKey.id });
    expect(entries.map(({ subjectId }) => subjectId)).toEqual(['by-other']);
  });

  test.each([
    [{ subjectId: 'x' }, 'subjectType: must say what the subjectId is the id of'],
    [{ keyId: 'x' }, 'keyId: must be the id of a key'],
    [{ after: 'x' }, 'after: there is no item with the id "x"'],
    [{ after: '987654321987654321' }, 'after: there is no item with the id "987654321987654321"'],
    [{ first: 0 }, 'first: must be at least 1'],
  ])('refuses %j', async (variables, message) => {
    expect(await app.fails(list, variables)).toMatchObject({
      message,
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  test('takes the same number of statements, however long it is', async () => {
    const few = await statementsOf(() => log({ first: 1 }));
    const many = await statementsOf(() => log({ first: 20 }));
    expect(few).toHaveLength(1);
    expect(many).toHaveLength(1);
  });

  test('needs a private key', async () => {
    const { status } = await app.http
      .post('/graphql')
      .set('Authorization', app.keys.publicTest)
      .send({ query: '{ auditLog { id } }' });
    expect(status).toBe(401);
  });

  test('tells the id that the client gave its request beside ours', async () => {
    const { headers } = await app.http
      .post('/graphql')
      .set({ Authorization: app.keys.test, 'X-Request-Id': 'chosen-by-the-client' })
      .send({ query: 'mutation { createFeature(input: { id: "named", type: BINARY }) { id } }' });
    const { auditLog } = await app.ok(
      '{ auditLog(subjectType: FEATURE, subjectId: "named") { requestId clientRequestId } }',
    );
    const requestId = headers['x-request-id'];
    expect(requestId).not.toBe('chosen-by-the-client');
    expect(auditLog).toEqual([{ requestId, clientRequestId: 'chosen-by-the-client' }]);
  });

  test('tells of the console that it was the console', async () => {
    const { headers } = await app.http
      .post('/console/session')
      .set('X-Kana-Console', 'test')
      .send({ key: app.keys.test });
    await app.http
      .post('/graphql')
      .set('X-Kana-Console', 'test')
      .set('Cookie', (headers['set-cookie'] as unknown as string[])[0]?.split(';')[0] ?? '')
      .send({ query: 'mutation { createFeature(input: { id: "by-hand", type: BINARY }) { id } }' });
    const [entry] = await log({ subjectType: 'FEATURE', subjectId: 'by-hand' });
    expect(entry?.author).toMatchObject({ kind: 'CONSOLE', lastFour: app.keys.test.slice(-4) });
  });
});

describe('what is published from a file', () => {
  test('leaves an entry for each feature and package that changes', async () => {
    const publish = (name: string) =>
      app.http
        .post('/cli/publish')
        .set('Authorization', app.keys.test)
        .send({
          features: [{ id: 'filed', name, type: 'BINARY' }],
          packages: { draft: [{ id: 'filed-plan', name: 'Plan', features: [{ id: 'filed' }] }] },
        });
    expect((await publish('Filed')).status).toBe(200);
    expect((await publish('Renamed')).status).toBe(200);
    expect((await publish('Renamed')).status).toBe(200);

    expect(await changesOf('FEATURE', 'filed')).toMatchObject([
      { action: 'publishCatalogue', before: { name: 'Filed' }, after: { name: 'Renamed' } },
      { action: 'publishCatalogue', before: null, after: { name: 'Filed', type: 'BINARY' } },
    ]);
    expect(await changesOf('PACKAGE', 'filed-plan')).toMatchObject([
      { action: 'publishCatalogue', before: null, after: { name: 'Plan', features: [{ id: 'filed' }] } },
    ]);
  });
});

describe('an import', () => {
  const run = (csv: string) =>
    app.ok('mutation ($csv: String!) { importUsers(csv: $csv) { rows { outcome } } }', { csv });
  const imports = () => log({ subjectType: 'IMPORT' });

  test('is told as a whole: what was planned, and what came of it', async () => {
    await run('id,email\nfirst,first@example.com\nsecond,second@example.com\n,\n');
    const [done, begun] = await imports();
    expect(begun?.after).toEqual({ state: 'BEGUN', created: 2 });
    expect(done?.after).toEqual({ state: 'DONE', created: 2 });
    expect(done?.subjectId).toBe(begun?.subjectId);
    expect(JSON.stringify(await imports())).not.toContain('example.com');
  });

  test('that changes nothing is not told', async () => {
    const before = await imports();
    await run('id,email\nfirst,first@example.com\n');
    expect(await imports()).toEqual(before);
  });
});

describe('what is about a person', () => {
  const person = `input: { id: "ada", name: "Ada Lovelace", email: "ada@example.com", billingId: "cus_ada", metadata: { born: "Byron" } }`;
  const words = /Lovelace|ada@example|cus_ada|Byron|King/;
  const everything = async () =>
    JSON.stringify(await app.database.prisma.$queryRaw`SELECT to_jsonb(e) FROM audit_entry e`);

  test('is not kept: only that it changed', async () => {
    await app.ok(`mutation { createUser(${person}) { id } }`);
    await app.ok('mutation { updateUser(id: "ada", input: { id: "ada", name: "Ada King" }) { id } }');
    expect(await changesOf('USER', 'ada')).toEqual([
      { action: 'updateUser', before: {}, after: {}, withheld: ['name'] },
      {
        action: 'createUser',
        before: null,
        after: { id: 'ada', imported: false },
        withheld: expect.arrayContaining(['name', 'email', 'billingId', 'metadata']),
      },
    ]);
    expect(await everything()).not.toMatch(words);
  });

  test('is forgotten when the user is deleted, but for that it happened', async () => {
    await app.ok('mutation { subscribe(userId: "ada", packageIds: ["base"]) { id } }');
    await app.ok('mutation { createUser(input: { id: "twin@example.com" }) { id } }');
    await app.ok('mutation { mergeUsers(ids: ["ada", "twin@example.com"]) { id } }');
    expect(await everything()).toContain('twin@example.com');
    await app.ok('mutation { deleteUser(id: "ada") { id } }');

    expect(await everything()).not.toContain('twin@example.com');
    const entries = await log({ first: 5 });
    expect(
      entries.map(({ action, subjectId, before, after }) => ({ action, subjectId, before, after })),
    ).toEqual([
      { action: 'deleteUser', subjectId: 'ada', before: null, after: null },
      { action: 'mergeUsers', subjectId: null, before: null, after: null },
      { action: 'createUser', subjectId: null, before: null, after: null },
      { action: 'subscribe', subjectId: expect.stringMatching(/^\d+$/), before: null, after: null },
      { action: 'updateUser', subjectId: 'ada', before: null, after: null },
    ]);
    expect(await changesOf('USER', 'ada')).toHaveLength(3);
  });
});

test('a merge tells who became whom, and what was cancelled', async () => {
  for (const id of ['stays', 'goes']) {
    await createUser(app.database.prisma, { id });
    await app.ok(`mutation { subscribe(userId: "${id}", packageIds: ["base"]) { id } }`);
  }
  await app.ok('mutation { mergeUsers(ids: ["stays", "goes"]) { id } }');
  expect(await changesOf('USER', 'goes')).toEqual([
    { action: 'mergeUsers', before: { mergedInto: null }, after: { mergedInto: 'stays' }, withheld: [] },
  ]);
  const [cancelled] = await log({ userId: 'stays' }).then((all) =>
    all
      .filter(({ action }) => action === 'mergeUsers')
      .filter(({ after }) => after !== null && 'status' in after),
  );
  expect(cancelled).toMatchObject({
    before: { userId: 'goes', status: 'ACTIVE' },
    after: { userId: 'stays', status: 'CANCELLED' },
  });
});

test('a mapping rule is told with what it says', async () => {
  const rule = (name: string) => ({ input: { name, featureId: 'messages', eventName: 'Sent' } });
  const { createMappingRule } = await app.ok(
    'mutation ($input: MappingRuleInput!) { createMappingRule(input: $input) { id } }',
    rule('old'),
  );
  const { id } = createMappingRule;
  await app.ok(
    'mutation ($id: String!, $input: MappingRuleInput!) { updateMappingRule(id: $id, input: $input) { id } }',
    {
      id,
      ...rule('new'),
    },
  );
  await app.ok('mutation ($id: String!) { deleteMappingRule(id: $id) { id } }', { id });
  const said = { featureId: 'messages', eventName: 'Sent', conditions: [] };
  expect(await changesOf('MAPPING_RULE', id)).toEqual([
    { action: 'deleteMappingRule', before: { name: 'new', ...said }, after: null, withheld: [] },
    { action: 'updateMappingRule', before: { name: 'old' }, after: { name: 'new' }, withheld: [] },
    { action: 'createMappingRule', before: null, after: { name: 'old', ...said }, withheld: [] },
  ]);
});

test('keys of the first start, and what tokens are signed with, are told as made by the server', async () => {
  const entries = await log({ subjectType: 'TOKEN_SECRET' });
  expect(entries).toMatchObject([
    {
      action: 'makeTokenSecret',
      subjectId: 'test',
      author: { kind: 'SERVER', keyId: null, label: 'Server' },
    },
  ]);
});

test('what is told of a user is found by the user, however long the log is', async () => {
  const { prisma, work } = app.database;
  await work.query(
    `insert into audit_entry (environment_id, action, subject_type, user_key, author_kind)
     select 'test', 'updateUser', 'USER', i, 'SERVER' from generate_series(1000, 20000) i`,
  );
  await prisma.$executeRaw`ANALYZE audit_entry`;
  await createUser(prisma, { id: 'forgotten' });
  const statements = await statementsOf(() => app.ok('mutation { deleteUser(id: "forgotten") { id } }'));
  expect(statements.filter((text) => text.includes('forget_audit'))).toHaveLength(1);

  // As the function looks the entries up.
  const { rows } = await work.query(
    'EXPLAIN SELECT FROM audit_entry a WHERE a.environment_id = $1 AND a.user_key = ANY ($2)',
    ['test', ['1000', '1001']],
  );
  expect(rows.map((row) => row['QUERY PLAN']).join('\n')).toContain(
    'audit_entry_environment_id_user_key_id_idx',
  );
});
