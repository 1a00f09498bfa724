import { beforeEach, describe, expect, test } from '@jest/globals';
import { buildSchema, type GraphQLFieldResolver } from 'graphql';
import { pino } from 'pino';
import { DomainError } from '../../src/errors.ts';
import { withCountedAnswers } from '../../src/graphql/limits/answer-size.ts';
import { planned } from '../../src/graphql/plans/compile.ts';
import { createKnownOperations, withPlannedFields } from '../../src/graphql/plans/plans.ts';
import { createGraphqlServer } from '../../src/graphql/server.ts';
import { createRequestContext } from '../../src/http/request-context.ts';

// A plan answers as the general way, whatever a resolver does, and calls it once. Fields named `general` have no plan.

const fields = '(id: String, n: Int = 7, box: Box): Thing';
const schema = buildSchema(`
  input Box { id: String!, side: Side = LEFT, more: [Int!] }
  enum Side { LEFT RIGHT }
  type Thing { id: String!, n: Int, side: Side, inner: Thing, needed: Thing!, all: [Thing!], sized(by: Int): Int }
  type Query { general${fields} planned${fields} generalList: [Thing!]! plannedList: [Thing!]! }
  type Mutation { general${fields} planned${fields} }
`);

let result: () => unknown;
let calls: unknown[];
const resolve: GraphQLFieldResolver<unknown, unknown> = (_source, args) => {
  calls.push(args);
  return result();
};
for (const type of [schema.getQueryType(), schema.getMutationType()])
  for (const field of Object.values(type?.getFields() ?? {})) {
    field.resolve = resolve;
    if (field.name.startsWith('planned')) field.extensions = planned;
  }
withPlannedFields(withCountedAnswers(schema));

const logged: unknown[] = [];
const server = createGraphqlServer(
  {
    schema,
    identify: async () => ({}),
    allowanceOf: () => '',
    contextOf: () => ({}),
    credentials: 'a key',
  },
  pino({ level: 'warn' }, { write: (line) => logged.push(JSON.parse(line)) }),
  { hasPlans: true },
);

async function ask(query: string, variables?: Record<string, unknown>, operationName?: string) {
  const requestContext = createRequestContext(undefined);
  const read = () => ({ query, variables, operationName });
  const { errors, ...rest } = await server.answer({ method: 'POST', caller: {}, read, requestContext });
  const { operation, outcome } = requestContext;
  // In the order in which the route writes them.
  return {
    text: JSON.stringify({ errors, ...rest }).replaceAll(requestContext.id, '(id)'),
    operation,
    outcome,
  };
}

beforeEach(() => {
  calls = [];
  logged.length = 0;
  result = () => ({ id: 'a' });
});

/** The answer of the general way to the same, under the name of the planned field. */
async function askGeneral(query: string, ...rest: [Record<string, unknown>?, string?]) {
  const { text, ...seen } = await ask(query.replaceAll('planned', 'general'), ...rest);
  return JSON.parse(JSON.stringify({ text, ...seen }).replaceAll('general', 'planned'));
}

const query =
  'query Q($id: String, $n: Int, $box: Box) { planned(id: $id, n: $n, box: $box) { id n side inner { id } } }';

test('an operation has a plan once it was answered without errors', () => {
  const operations = createKnownOperations(schema, { hasPlans: true });
  operations.learn('{ planned { id } }');
  expect(operations.plans.size).toBe(0);
});

const failure = new DomainError('NOT_FOUND', 'UserNotFoundError', 'There is no such user.');
const results: [string, () => unknown][] = [
  ['plain data', () => ({ id: 'a', n: 1, side: 'RIGHT', inner: { id: 'b' } })],
  ['a promise of it', async () => ({ id: 'a', n: 1 })],
  ['null', () => null],
  ['nothing', () => undefined],
  ['a rejection that the caller caused', () => Promise.reject(failure)],
  [
    'an error that is thrown',
    () => {
      throw failure;
    },
  ],
  ['an error that is returned', () => failure],
  ['an internal error', () => Promise.reject(new Error('secret'))],
  ['something else than an error', () => Promise.reject('secret')],
  ['null where a value is needed', () => ({ id: null })],
  ['a value of the wrong type', () => ({ id: 'a', n: 'seven' })],
  ['an unknown enum value', () => ({ id: 'a', side: 'UP' })],
  ['a nested promise', () => ({ id: 'a', inner: Promise.resolve({ id: 'b' }) })],
  ['a nested error', () => ({ id: 'a', inner: new Error('secret') })],
  [
    'a nested resolver that fails',
    () => ({
      id: 'a',
      inner: {
        id: () => {
          throw failure;
        },
      },
    }),
  ],
  ['a nested resolver that computes', () => ({ id: () => 'a', n: async () => 5 })],
];

describe('a plan and the general way agree where a resolver returns', () => {
  test.each(results)('%s', async (_what, make) => {
    await ask(query);
    calls = [];
    result = make;
    const byPlan = await ask(query);
    expect(calls).toHaveLength(1);
    const faults = logged.length;
    expect(byPlan).toEqual(await askGeneral(query));
    expect(logged).toHaveLength(2 * faults);
  });
});

const operations: [string, string, ...[Record<string, unknown>?, string?]][] = [
  ['variables', query, { id: 'x', n: 3, box: { id: 'y', side: 'RIGHT', more: [1, 2] } }],
  ['variables that are null', query, { id: null, n: null, box: null }],
  ['unknown variables', query, { id: 'x', other: 1 }],
  ['a variable of the wrong type', query, { id: 5 }],
  ['an unknown enum value', query, { box: { id: 'y', side: 'UP' } }],
  ['an unknown field of an input', query, { box: { id: 'y', other: 1 } }],
  ['a key of JavaScript in an input', query, { box: JSON.parse('{"id":"y","__proto__":{"side":"RIGHT"}}') }],
  ['a missing field of an input', query, { box: {} }],
  ['one value for a list', query, { box: { id: 'y', more: 5 } }],
  ['the name of the operation', query, {}, 'Q'],
  ['the name of another operation', query, {}, 'R'],
  ['literals', '{ planned(id: "x", n: 1, box: {id: "y", more: 5}) { id } }'],
  [
    'variables in literals',
    'query ($s: Side, $i: Int! = 4) { planned(box: {id: "y", side: $s, more: [$i]}) { id } }',
  ],
  [
    'the same with values',
    'query ($s: Side, $i: Int! = 4) { planned(box: {id: "y", side: $s, more: [$i]}) { id } }',
    { s: 'RIGHT', i: 9 },
  ],
  [
    'aliases, names of types and fragments',
    '{ a: planned { ...F b: __typename ... on Thing { n } ...F } } fragment F on Thing { id }',
  ],
  ['a field twice', '{ planned { inner { id } inner { n } } }'],
  ['a name of JavaScript', '{ planned { __proto__: id constructor: n } }'],
  ['a directive', 'query ($yes: Boolean! = false) { planned { id n @include(if: $yes) } }'],
  ['a field with arguments', '{ planned { sized(by: 3) } }'],
  ['several fields', '{ planned { id } other: planned { n } }'],
  ['several operations', 'query A { planned { id } } query B { planned { n } }', {}, 'B'],
  ['a mutation', 'mutation M($id: String) { planned(id: $id) { id } }', { id: 'x' }],
];

describe('a plan and the general way agree about operations with', () => {
  test.each(operations)('%s', async (_what, text, ...rest) => {
    result = () => ({ id: 'a', n: 1, inner: { id: 'b', n: 2 }, sized: () => 3 });
    const first = await ask(text, ...rest);
    expect(await ask(text, ...rest)).toEqual(first);
    const given = calls.splice(0);
    expect(first).toEqual(await askGeneral(text, ...rest));
    expect(given).toEqual([...calls, ...calls]);
  });
});

test('an answer that is too large is refused as a whole', async () => {
  const text = '{ plannedList { id } }';
  result = () => [{ id: 'a' }];
  await ask(text);
  result = () => new Array(100_001).fill({ id: 'a' });
  expect((await ask(text)).text).toBe((await askGeneral(text)).text);
  expect(calls).toHaveLength(3);
});

test('known operations are bounded: a full cache is cleared', async () => {
  const cache = createKnownOperations(schema, { hasPlans: true, maxCached: 10 });
  const document = { kind: 'Document', definitions: [] } as never;
  cache.set('12345', document);
  cache.set('67890', document);
  cache.set('more than the cache may hold', document);
  expect(cache.get('12345')).toBe(document);
  cache.set('!', document);
  expect([cache.get('12345'), cache.get('!')]).toEqual([undefined, document]);
});
