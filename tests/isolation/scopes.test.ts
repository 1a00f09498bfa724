import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type GraphQLField, getNamedType, isObjectType } from 'graphql';
import { createKey } from '../../src/auth/keys/store.ts';
import { type Role, roles, type Scope, scopes } from '../../src/auth/permission-rules.ts';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { memberSession } from '../helpers/members.ts';
import { operationOf } from '../helpers/operations.ts';
import { mutations, queries } from './operations.ts';
import { createWorld, type Names, type Rows, readRows } from './world.ts';

// Every field needs a scope. The key of each other scope is refused, and changes nothing.

/** Queries that need another scope than `read`. */
const adminQueries = ['members', 'invitations', 'sessions'];

/** What only an ADMIN may change; an EDITOR may do the rest. */
const adminMutations =
  /ApiKey$|Member|Invitation$|PasswordLink$|Session$|[wW]ebhook|^redeliver|Stripe$|Price$|BillingMeter$|BillingTemplate$|^updateEnvironment$|^removeDemoData$|^generateUserToken$/;
const editorPrices = ['setPackagePrice', 'removePackagePrice'];

/** Mutations that need another scope than `admin`. */
const scopesOfMutations: Record<string, Scope> = {
  recordUsage: 'usage',
  recordUsages: 'usage',
  createUsageEvent: 'usage',
  reserveUsage: 'usage',
  commitReservation: 'usage',
  releaseReservation: 'usage',
  ingestSegmentEvent: 'ingest',
};

/** What these mutations answer to a key that may not read. */
const toldWithoutRead: Record<string, readonly string[]> = {
  recordUsage: ['recorded', 'reason', 'duplicate', 'entitlement'],
  recordUsages: ['recorded', 'reason', 'duplicate', 'entitlement', 'error'],
  reserveUsage: ['reserved', 'reason', 'id', 'expiresAt', 'entitlement'],
  commitReservation: ['recorded', 'reason', 'duplicate', 'entitlement'],
  releaseReservation: ['reserved', 'reason', 'id', 'expiresAt', 'entitlement'],
  ingestSegmentEvent: ['messageId', 'outcome', 'firstOutcome', 'warnings'],
};

let app: TestApp;
let its: Names;
let rows: Rows;
let keys: Record<Scope, string>;

beforeAll(async () => {
  app = await startTestApp();
  its = await createWorld(app.database.prisma, 'test', '');
  const made = scopes.map(async (scope) => [scope, await keyWith(scope)] as const);
  keys = Object.fromEntries(await Promise.all(made)) as Record<Scope, string>;
  rows = await readRows(app.database);
});
afterAll(() => app.close());

const keyWith = async (...given: Scope[]) =>
  (await createKey(app.database.prisma, 'test', 'PRIVATE', { scopes: given })).key;

/** An operation up to the selection of its field. */
function headOf(
  kind: 'query' | 'mutation',
  field: GraphQLField<unknown, unknown>,
  variables: object,
): string {
  const whole = operationOf(kind, field, Object.keys(variables));
  const end = whole.indexOf('{', whole.indexOf(field.name, whole.indexOf(') {') + 1));
  return whole.slice(0, end === -1 ? -2 : end).trimEnd();
}

const scopeOfQuery = (name: string): Scope => (adminQueries.includes(name) ? 'admin' : 'read');

interface Case {
  name: string;
  needs: Scope;
  query: string;
  variables: object;
  field: GraphQLField<unknown, unknown>;
}

const cases = (): Case[] =>
  (['Query', 'Mutation'] as const).flatMap((type) => {
    const found = schema.getType(type);
    return Object.values(isObjectType(found) ? found.getFields() : {}).map((field) => {
      const { name } = field;
      const variables = (type === 'Query' ? queries : mutations)[name]?.calls[0]?.(its) ?? {};
      const head = headOf(type === 'Query' ? 'query' : 'mutation', field, variables);
      const query = isObjectType(getNamedType(field.type)) ? `${head} { __typename } }` : `${head} }`;
      const needs = type === 'Query' ? scopeOfQuery(name) : (scopesOfMutations[name] ?? 'admin');
      return { name, needs, query, variables, field };
    });
  });

async function codesOf({ query, variables }: Pick<Case, 'query' | 'variables'>, key: string) {
  const { body } = await app.http.post('/graphql').set('Authorization', key).send({ query, variables });
  return (body.errors ?? []).map(({ extensions }: { extensions: { code: string } }) => extensions.code);
}

test('every field is refused to a key of another scope, and nothing changes', async () => {
  const before = await rows.of('test');
  const found = cases();
  expect(found.length).toBeGreaterThan(90);
  for (const each of found)
    for (const scope of ['read', 'usage', 'ingest'] as const) {
      if (scope === each.needs) continue;
      expect([each.name, scope, await codesOf(each, keys[scope])]).toEqual([each.name, scope, ['FORBIDDEN']]);
    }
  expect(await rows.of('test')).toEqual(before);
});

test('every field is open to a key of its scope, and of admin', async () => {
  const reading = { ingest: await keyWith('ingest', 'read') };
  const open = cases().filter(({ needs }) => needs !== 'admin');
  for (const each of open)
    for (const key of [{ ...keys, ...reading }[each.needs], keys.admin])
      expect([each.name, await codesOf(each, key)]).not.toEqual([each.name, ['FORBIDDEN']]);
  await rows.restore();
});

/** One field of what a mutation answers, asked for directly and through fragments. */
function waysToAsk({ field, variables }: Case): { asked: string; query: string }[] {
  const head = headOf('mutation', field, variables);
  const type = getNamedType(field.type);
  return Object.values(isObjectType(type) ? type.getFields() : {}).flatMap((each) => {
    const inner = isObjectType(getNamedType(each.type)) ? `${each.name} { __typename }` : each.name;
    return [
      `${head} { ${inner} } }`,
      `${head} { ...on ${type} { other: ${inner} } } }`,
      `${head} { ...F } } fragment F on ${type} { ...G } fragment G on ${type} { ${inner} }`,
    ].map((query) => ({ asked: each.name, query }));
  });
}

test('without the scope read, a mutation tells what became of it; asked for more, it changes nothing', async () => {
  const asking = cases()
    .filter(({ name }) => name in toldWithoutRead)
    .flatMap((each) => waysToAsk(each).map((way) => ({ ...each, ...way })));
  const isTold = ({ name, asked }: { name: string; asked: string }) => toldWithoutRead[name]?.includes(asked);
  const before = await rows.of('test');
  for (const each of asking.filter((way) => !isTold(way)))
    expect([each.query, await codesOf(each, keys[each.needs])]).toEqual([each.query, ['FORBIDDEN']]);
  expect(await rows.of('test')).toEqual(before);
  for (const each of asking.filter(isTold))
    expect([each.query, await codesOf(each, keys[each.needs])]).not.toEqual([each.query, ['FORBIDDEN']]);
});

test('an operation that another key has repeated, and which has a plan, is refused all the same', async () => {
  const planned = cases().filter(({ field }) => field.extensions.planned === true);
  expect(planned.map(({ name }) => name)).toContain('recordUsage');
  for (const each of planned) {
    for (const key of [keys.admin, keys.admin, keys[each.needs], keys[each.needs]])
      expect([each.name, await codesOf(each, key)]).toEqual([each.name, []]);
    for (const scope of scopes.filter((other) => other !== 'admin' && other !== each.needs))
      expect([each.name, scope, await codesOf(each, keys[scope])]).toEqual([each.name, scope, ['FORBIDDEN']]);
  }
  await rows.restore();
});

test('of several fields each needs its scope', async () => {
  const query = '{ __typename features { id } environment { id } }';
  expect(await codesOf({ query, variables: {} }, keys.usage)).toContain('FORBIDDEN');
  expect(await codesOf({ query: '{ __typename }', variables: {} }, keys.usage)).toEqual([]);
});

/** What a member may do, by the rule in words: VIEWER reads, EDITOR changes what is sold and who has it. */
function roleOf({ name, field }: Case): Role {
  const isQuery = queries[name] !== undefined && field === queryFields()[name];
  if (isQuery) return adminQueries.includes(name) ? 'ADMIN' : 'VIEWER';
  return adminMutations.test(name) && !editorPrices.includes(name) ? 'ADMIN' : 'EDITOR';
}

function queryFields() {
  const found = schema.getType('Query');
  return isObjectType(found) ? found.getFields() : {};
}

test('each operation is open to members of its role and above, and changes nothing for others', async () => {
  const cookies = Object.fromEntries(
    await Promise.all(roles.map(async (role) => [role, await memberSession(app, 'test', role)])),
  );
  const before = await rows.of('test');
  const send = async ({ query, variables }: Case, role: Role) => {
    const headers = { Cookie: cookies[role], 'X-Kana-Console': 'test' };
    const { body } = await app.http.post('/graphql').set(headers).send({ query, variables });
    return (body.errors ?? []).map(({ extensions }: { extensions: { code: string } }) => extensions.code);
  };
  const isBelow = (role: Role, needed: Role) => roles.indexOf(role) < roles.indexOf(needed);
  const found = cases();
  for (const each of found)
    for (const role of roles.filter((other) => isBelow(other, roleOf(each))))
      expect([each.name, role, await send(each, role)]).toEqual([each.name, role, ['FORBIDDEN']]);
  expect(withoutSessions(await rows.of('test'))).toEqual(withoutSessions(before));
  for (const each of found.filter(({ name }) => name !== 'removeMember')) {
    const role = roleOf(each);
    expect([each.name, role, await send(each, role)]).not.toEqual([each.name, role, ['FORBIDDEN']]);
  }
  await rows.restore();
});

/** When a session was last seen changes by itself. */
const withoutSessions = ({ console_session: _, ...rest }: Record<string, string[]>) => rest;
