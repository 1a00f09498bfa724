import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type GraphQLField, isObjectType } from 'graphql';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { operationOf } from '../helpers/operations.ts';
import { type Arguments, mutations, nested, queries } from './operations.ts';
import { startWorldsStripe } from './stripe.ts';
import {
  createWorld,
  type Names,
  namesOf,
  type Rows,
  readRows,
  reveals,
  secrets,
  timeless,
} from './world.ts';

// Two environments hold worlds of the same ids, and one of them holds another world beside it. With the key of
// the other, every query and mutation is sent about both worlds: nothing may be told, and nothing changed.

let app: TestApp;
let stripe: Awaited<ReturnType<typeof startWorldsStripe>>;
let rows: Rows;
/** What each environment holds before every call. */
let before: Record<'test' | 'live', Awaited<ReturnType<Rows['of']>>>;
/** The world of `test`, the same ids in `live`, and a world that only `live` holds. */
let ours: Names;
let theirs: Names;
/** Ids of the same form of a world that is nowhere. */
const nowhere = namesOf('no-');

beforeAll(async () => {
  stripe = await startWorldsStripe();
  app = await startTestApp({ stripeApiBase: stripe.url });
  // Generated ids that are part of no other number in an answer.
  await app.database.prisma.$executeRaw`
    SELECT setval(format('%I', sequencename)::regclass, 812345678 + 1000003 * row_number() OVER (ORDER BY sequencename))
    FROM pg_sequences WHERE schemaname = 'public'`;
  await app.database.prisma.$executeRaw`SELECT setval('webhook_delivery_id_seq', 712345678)`;
  await app.database.prisma.$executeRaw`SELECT setval('top_up_id_seq', 612345678)`;
  await app.database.prisma.$executeRaw`SELECT setval('reservation_id_seq', 512345678)`;
  // In the first range of ids: partitions are made for those that are to come.
  await app.database.prisma.$executeRaw`SELECT setval('usage_event_id_seq', 12345678)`;
  ours = await createWorld(app.database.prisma, 'test', '');
  await createWorld(app.database.prisma, 'live', '');
  theirs = await createWorld(app.database.prisma, 'live', 'their-');
  rows = await readRows(app.database);
  await rows.restore();
  before = { test: await rows.of('test'), live: await rows.of('live') };
});
beforeEach(() => rows.restore());
afterAll(async () => {
  await app.close();
  await stripe.stop();
});

type Kind = 'query' | 'mutation';

const calls = [...callsOf('query', 'Query', queries), ...callsOf('mutation', 'Mutation', mutations)];

function callsOf(kind: Kind, type: string, table: typeof queries) {
  const found = schema.getType(type);
  const fields = isObjectType(found) ? found.getFields() : {};
  return Object.entries(table).flatMap(([name, { calls: each, inert }]) => {
    const field = fields[name];
    if (field === undefined) return [];
    return each.map((call) => ({
      name: `${name}(${Object.keys(call(nowhere)).join(', ')})`,
      kind,
      field,
      call,
      inert,
    }));
  });
}

/** Sends a call about a world with the key of `test`. */
async function send(kind: Kind, field: GraphQLField<unknown, unknown>, call: Arguments, its: Names) {
  const variables = call(its);
  const inner = Object.fromEntries(Object.entries(nested).map(([name, args]) => [name, args(its)]));
  const query = operationOf(kind, field, Object.keys(variables), inner);
  const { body } = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query, variables });
  const codes = (body.errors ?? []).map((error: { extensions: { code: string } }) => error.extensions.code);
  expect(codes).not.toContain('INTERNAL_SERVER_ERROR');
  expect(codes).not.toContain('GRAPHQL_VALIDATION_FAILED');
  return body;
}

/** What an answer says, whoever it is about: without ids, times and tokens. */
function sense(answer: unknown, its: Names): string {
  let text = JSON.stringify(answer);
  for (const id of Object.values(its)) text = text.replaceAll(id, '…');
  return text
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'then')
    .replaceAll(/[\w-]+\.[\w-]+\.[\w-]+/g, 'token')
    .replaceAll(/"(key|secret|id|link|lastFour|fingerprint)":"[^"]*"/g, '"$1":"…"');
}

describe('the tables hold enough to show a leak', () => {
  test('each table that belongs to an environment has rows of both; if not, add some to world.ts', () => {
    const { test, live } = before;
    const isFilled = (dump: Record<string, string[]>) => (name: string) => dump[name]?.length !== 0;
    const names = Object.keys(test).filter((name) => name !== 'jobs');
    expect(names.filter((name) => !isFilled(test)(name) || !isFilled(live)(name))).toEqual([]);
  });
});

describe.each(calls)('$name', ({ kind, field, call, inert }) => {
  test('about ids that both environments have is about our own alone', async () => {
    const answer = await send(kind, field, call, ours);
    expect(reveals(answer, secrets.live)).toBe(false);
    expect(await rows.of('live')).toEqual(before.live);
    // The same call does tell or change something where it may; otherwise all of this would prove nothing.
    if (inert === undefined && kind === 'mutation') expect(await rows.of('test')).not.toEqual(before.test);
    if (inert === undefined && kind === 'query') expect(reveals(answer, secrets.test)).toBe(true);
    if (kind === 'mutation') return;
    // It tells the same when the other environment is empty.
    await rows.clear('live');
    expect(timeless(await send(kind, field, call, ours))).toEqual(timeless(answer));
  });

  test('about ids of the other environment answers as if they were nowhere, and changes nothing there', async () => {
    const answer = await send(kind, field, call, theirs);
    expect(reveals(answer, secrets.live)).toBe(false);
    expect(await rows.of('live')).toEqual(before.live);

    await rows.restore();
    expect(sense(answer, theirs)).toBe(sense(await send(kind, field, call, nowhere), nowhere));
  });
});
