import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

/* Lists are followed page by page while others add to them: nothing is skipped. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const writers = 8;

/** Runs writers beside each other, each one call after the other. */
const write = (count: number, call: (name: string) => Promise<unknown>) =>
  Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      for (let n = 0; n < count; n += 1) await call(`${writer}-${n}`);
    }),
  );

/** Follows a list until two pages in a row are empty after the writers have ended. */
async function follow(
  list: string,
  idField: string,
  first: number,
  writing: Promise<unknown>,
): Promise<string[]> {
  let isWriting = true;
  const ended = writing.finally(() => {
    isWriting = false;
  });
  const seen: string[] = [];
  for (let empty = 0; empty < 2; ) {
    const wasWriting = isWriting;
    const after = seen.at(-1) ?? null;
    const data = await app.ok(
      `query ($after: String) { ${list}(first: ${first}, after: $after) { ${idField} } }`,
      { after },
    );
    const page = data[list].map((each: Record<string, string>) => each[idField]);
    seen.push(...page);
    empty = page.length > 0 || wasWriting ? 0 : empty + 1;
  }
  await ended;
  return seen;
}

it('segmentEvents tells all of 160', async () => {
  const writing = write(20, (name) =>
    app.http
      .post('/segment/events')
      .set('Authorization', app.keys.test)
      .send({ type: 'track', userId: 'ada', event: 'Seen', messageId: name })
      .expect(200),
  );
  const seen = await follow('segmentEvents', 'messageId', 3, writing);
  expect(new Set(seen).size).toBe(160);
  expect(seen).toHaveLength(160);
}, 120_000);

it('users tells all of 80', async () => {
  const writing = write(10, (id) =>
    app.ok('mutation ($id: String!) { createUser(input: { id: $id }) { id } }', { id }),
  );
  const seen = await follow('users', 'id', 3, writing);
  expect(new Set(seen).size).toBe(80);
  expect(seen).toHaveLength(80);
}, 120_000);

it('whoever adds finds it in the next page at once', async () => {
  const { users } = await app.ok('{ users { id } }');
  let after = users.at(-1).id;
  for (const id of ['x', 'y', 'z']) {
    await app.ok('mutation ($id: String!) { createUser(input: { id: $id }) { id } }', { id });
    const page = await app.ok('query ($after: String) { users(first: 5, after: $after) { id } }', { after });
    expect(page).toEqual({ users: [{ id }] });
    after = id;
  }
});

it('what is not committed to usersConnection and exportUsers yet is told after it, and so is what came later', async () => {
  const key = app.keys.live;
  const readPages = async () => {
    const { usersConnection, exportUsers } = await app.ok(
      '{ usersConnection(first: 5) { nodes { id } } exportUsers(first: 5) }',
      {},
      key,
    );
    const nodes = usersConnection.nodes.map(({ id }: { id: string }) => id);
    return {
      nodes,
      rows: exportUsers
        .trim()
        .split(/\r?\n/)
        .slice(1)
        .map((line: string) => line.split(',')[0]),
    };
  };
  const slow = await app.database.work.connect();
  await slow.query('begin');
  await slow.query(
    `insert into "user" (environment_id, id, updated_at) values ('live', 'early of two', now())`,
  );
  await app.ok('mutation { createUser(input: { id: "late of two" }) { id } }', {}, key);
  expect(await readPages()).toEqual({ nodes: [], rows: [] });
  const whole = await app.ok(
    '{ exportUsers usersConnection(order: CREATED_DESC) { nodes { id } } }',
    {},
    key,
  );
  expect(whole.exportUsers).toContain('late of two');
  expect(whole.usersConnection.nodes).toEqual([{ id: 'late of two' }]);
  await slow.query('commit');
  slow.release();
  const both = ['early of two', 'late of two'];
  expect(await readPages()).toEqual({ nodes: both, rows: both });
  await app.ok(
    'mutation { one: deleteUser(id: "early of two") { id } two: deleteUser(id: "late of two") { id } }',
    {},
    key,
  );
});

/* A list, the field that tells its items apart, an item of somebody else, and one by a call. */
it.each([
  [
    'users',
    'id',
    `insert into "user" (environment_id, id, updated_at) values ('live', 'early', now())`,
    'createUser(input: { id: "late" }) { id }',
  ],
  [
    'features',
    'id',
    `insert into feature (environment_id, id, name, type, updated_at) values ('live', 'early', '', 'BINARY', now())`,
    'createFeature(input: { id: "late", type: CONSUMABLE }) { id }',
  ],
  [
    'packages',
    'id',
    `insert into package (environment_id, id, name, status, updated_at) values ('live', 'early', '', 'PUBLISHED', now())`,
    'createPackage(input: { id: "late", features: [{ id: "late" }] }) { id } publishPackage(id: "late") { id }',
  ],
  [
    'mappingRules',
    'name',
    `insert into mapping_rule (environment_id, id, name, feature_id, conditions, updated_at)
       values ('live', 'early', 'early', 'late', '[]', now())`,
    'createMappingRule(input: { name: "late", eventName: "Late", featureId: "late" }) { id }',
  ],
])(
  'what is not committed to %s yet is told after it, and so is what came later',
  async (list, field, insert, create) => {
    const read = async (args = '') => {
      const data = await app.ok(`{ ${list}${args} { ${field} } }`, {}, app.keys.live);
      return data[list].map((item: Record<string, string>) => item[field]);
    };
    const slow = await app.database.work.connect();
    await slow.query('begin');
    await slow.query(insert);
    await app.ok(`mutation { ${create} }`, {}, app.keys.live);
    expect(await read('(first: 5)')).toEqual([]);
    expect(await read()).toEqual(['late']);
    await slow.query('commit');
    slow.release();
    expect(await read('(first: 5)')).toEqual(['early', 'late']);
  },
);
