import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import { type GraphQLField, isObjectType } from 'graphql';
import { clientSchema } from '../../src/client/schema.ts';
import { schema } from '../../src/graphql/schema.ts';
import { operationOf } from '../helpers/operations.ts';
import { mutations, nested, queries } from '../isolation/operations.ts';
import { type FuzzedServer, startFuzzedServer } from './server.ts';
import { seed, settings, timeout } from './settings.ts';
import { almost, ofType, text } from './values.ts';

// Every operation of every schema, with values of all kinds: never a fault of ours, never a row elsewhere.

let server: FuzzedServer;
beforeAll(async () => {
  server = await startFuzzedServer();
});
beforeEach(() => server.restore());
afterAll(() => server.close());

/** The refusals that a wrong value may meet. */
const refusals = [
  ...['BAD_USER_INPUT', 'NOT_FOUND', 'CONFLICT', 'BAD_REQUEST', 'UNAUTHENTICATED'],
  ...['GRAPHQL_VALIDATION_FAILED', 'GRAPHQL_PARSE_FAILED'],
];

type Field = GraphQLField<unknown, unknown>;

const fields = (['Query', 'Mutation'] as const).flatMap((type) => {
  const found = schema.getType(type);
  const kind = type === 'Query' ? ('query' as const) : ('mutation' as const);
  const all: Field[] = isObjectType(found) ? Object.values(found.getFields()) : [];
  return all.map((field) => ({ name: field.name, kind, field }));
});

async function send(path: string, headers: Record<string, string>, body: object): Promise<void> {
  const { status, body: answer } = await server.app.http.post(path).set(headers).send(body);
  const codes = (answer.errors ?? []).map((error: { extensions: { code: string } }) => error.extensions.code);
  expect([200, 400, 401]).toContain(status);
  expect(refusals).toEqual(expect.arrayContaining(codes));
}

/** Values for all arguments of a field: of their types, right, or right but for one part. */
function variablesOf(field: Field): Arbitrary<unknown> {
  const { its, known } = server;
  const model = Object.fromEntries(field.args.map(({ name, type }) => [name, ofType(type, known, name)]));
  const right = ({ ...queries, ...mutations }[field.name]?.calls ?? []).map((call) => call(its));
  return fc.oneof(
    fc.record(model, { requiredKeys: [] }),
    ...right.flatMap((each) => [fc.constant(each), almost(each, known), almost(each, known)]),
  );
}

/** Between the turns of a mutation the world is made anew: what was deleted can be deleted again. */
const turnsOfOneWorld = 5;

describe(`with SEED=${seed} and RUNS=${settings.numRuns}`, () => {
  const everyOperation = async (kind: 'query' | 'mutation', field: Field) => {
    const { app, its } = server;
    const inner = Object.fromEntries(Object.entries(nested).map(([name, args]) => [name, args(its)]));
    const given = field.args.map(({ name }) => name);
    const query = operationOf(kind, field, given, inner);
    let turn = 0;
    await fc.assert(
      fc.asyncProperty(variablesOf(field), fc.boolean(), async (values, asText) => {
        if (kind === 'mutation' && turn > 0 && turn % turnsOfOneWorld === 0) await server.restore();
        turn += 1;
        const variables = asText ? JSON.stringify(values) : values;
        await send('/graphql', { Authorization: app.keys.test }, { query, variables });
      }),
      settings,
    );
    await server.expectUnharmed();
  };

  test.each(fields)(
    '$kind $name answers or refuses',
    ({ kind, field }) => everyOperation(kind, field),
    timeout,
  );

  const literals = async () => {
    const { app, known } = server;
    const literal = fc.oneof(
      text(known).map((each) => JSON.stringify(each)),
      fc.constantFrom(
        'null',
        '{}',
        '[]',
        'ACTIVE',
        '1e5',
        '99999999999',
        '$missing',
        '{a: 1, a: 2}',
        '"""x"""',
      ),
    );
    const call = fc.constantFrom<(value: string) => string>(
      (value) => `{ user(id: ${value}) { id } }`,
      (value) => `{ users(first: ${value}, after: ${value}) { id } }`,
      (value) => `mutation { createUser(input: { id: ${value}, metadata: ${value} }) { id metadata } }`,
      (value) =>
        `mutation { recordUsages(input: { userId: ${value}, featureId: "feature", timestamp: ${value} }) { recorded } }`,
      (value) => `query ($id: String! = ${value}) { feature(id: $id) { id } }`,
    );
    await fc.assert(
      fc.asyncProperty(call, literal, (write, value) =>
        send('/graphql', { Authorization: app.keys.test }, { query: write(value) }),
      ),
      { ...settings, numRuns: settings.numRuns * 10 },
    );
    await server.expectUnharmed();
  };

  const clientIds = async () => {
    const { app, known } = server;
    const [field] = Object.values(clientSchema.getQueryType()?.getFields() ?? {});
    if (field === undefined) throw new Error('the client API has no field');
    const query = operationOf('query', field, []);
    // What a header can hold: bytes but control characters.
    const id = text(known).map((each) =>
      Buffer.from(each)
        .toString('latin1')
        .replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, '?'),
    );
    await fc.assert(
      fc.asyncProperty(id, (userId) =>
        send('/client/graphql', { Authorization: app.keys.publicTest, 'X-User-ID': userId }, { query }),
      ),
      { ...settings, numRuns: settings.numRuns * 10 },
    );
    await server.expectUnharmed();
  };

  test.each([
    ['arguments in the operation itself are answered or refused', literals],
    ['the client API answers or refuses whatever id it is given', clientIds],
  ])('%s', (_what, check) => check(), timeout * 10);
});
