import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc, { type Arbitrary } from 'fast-check';
import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
  parse,
} from 'graphql';
import { compileOperation, isPlanned } from '../../src/graphql/plans/compile.ts';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createWorld, type Names } from '../isolation/world.ts';
import { runs, seed, settings, timeout } from './settings.ts';
import { almost, ofType } from './values.ts';

/*
 * Two servers with the same data get the same requests: one answers by plans where it can, the other one never. Their
 * answers are the same, byte for byte. `RUNS=20000 npm test -- tests/fuzz/plans` is the long form: 10^5 operations.
 */

let general: TestApp;
let planned: TestApp;
let its: Names;
beforeAll(async () => {
  [general, planned] = await Promise.all([startTestApp({ plans: false }), startTestApp({ plans: true })]);
  its = await createWorld(general.database.prisma, 'test', '');
  await createWorld(planned.database.prisma, 'test', '');
});
afterAll(async () => {
  await general.close();
  await planned.close();
});

type Field = GraphQLField<unknown, unknown>;

const roots = [schema.getQueryType(), schema.getMutationType()].flatMap((type) =>
  Object.values(type?.getFields() ?? {})
    .filter(isPlanned)
    .map((field: Field) => ({ field, kind: type?.name === 'Query' ? 'query' : 'mutation' })),
);

/** A selection of the fields of a type: with other names, twice, or in fragments. Empty for a type without fields. */
function selection(type: GraphQLOutputType): Arbitrary<string> {
  const named = getNamedType(type);
  if (!isObjectType(named)) return fc.constant('');
  const one = fc.constantFrom('__typename', ...Object.keys(named.getFields())).chain((name) => {
    const field = named.getFields()[name];
    const inner = field === undefined ? fc.constant('') : selection(field.type);
    const alias = fc.constantFrom('', '', '', 'other: ', '__proto__: ', `${name}: `);
    return fc.tuple(alias, inner).map(([label, set]) => (field?.args.length ? '' : `${label}${name}${set}`));
  });
  const some = fc
    .array(one, { minLength: 1, maxLength: 5 })
    .map((fields) => fields.join(' ') || '__typename');
  const plain = { weight: 8, arbitrary: some };
  const inline = {
    weight: 1,
    arbitrary: some.map((inner) => `... on ${named.name} { ${inner} } ... { ${inner} }`),
  };
  const directive = {
    weight: 1,
    arbitrary: some.map((inner) => `${inner} again: __typename @include(if: true)`),
  };
  return fc.oneof(plain, inline, directive).map((set) => ` { ${set} }`);
}

/** An argument as a variable, as a literal, or as a literal with variables in it. */
interface Argument {
  text: string;
  declared: string[];
  /** What the variables hold: for each, the values of a few requests. */
  variables: Record<string, Arbitrary<unknown>>;
}

const literal = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([name, part]) => `${name}: ${name === 'action' ? String(part) : literal(part)}`)
    .join(', ')}}`;
};

const known = () => [...Object.values(its), 'ADD', 'SET', '2026-01-01T00:00:00Z', '2999-01-01T00:00:00Z'];

/** Values that a planned field answers without an error, and values that are nearly so. */
function usual(type: GraphQLInputType): Arbitrary<unknown> {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return fc.array(usual(nullable.ofType), { maxLength: 3 });
  if (isInputObjectType(nullable))
    return fc.record(
      {
        userId: fc.constantFrom(its.user, its.twin, 'nobody'),
        featureId: fc.constantFrom(its.feature, its.looseFeature, 'nothing'),
        delta: fc.constantFrom(1, 2, 0.5, -1, 1e20, null),
        action: fc.constantFrom('ADD', 'SET'),
        enforce: fc.boolean(),
        idempotencyKey: fc.constantFrom('a', 'b', 'c', null, ''),
      },
      { requiredKeys: ['userId', 'featureId'] },
    );
  return fc.constantFrom(its.user, its.feature, 1, 2, null);
}

function someValue(type: GraphQLInputType, name: string): Arbitrary<unknown> {
  const right = usual(type);
  return fc.oneof(
    { weight: 4, arbitrary: right },
    { weight: 1, arbitrary: right.chain((value) => almost(Object(value), known())) },
    { weight: 1, arbitrary: ofType(type, known(), name) },
  );
}

function argument(name: string, type: GraphQLInputType): Arbitrary<Argument> {
  const declare = (variable: string, of: string) => `$${variable}: ${of}`;
  const whole = fc
    .constantFrom(`${type}`, `${getNullableType(type)}`, `${getNullableType(type)} = null`, 'Int')
    .map((of) => ({
      text: `${name}: $${name}`,
      declared: [declare(name, `${type}`.includes('Amount') || of !== 'Int' ? of : `${type}`)],
      variables: { [name]: someValue(type, name) },
    }));
  const written = usual(type).map((value) => ({
    text: `${name}: ${literal(value)}`,
    declared: [],
    variables: {},
  }));
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return fc.oneof(whole, written);
  const parts = fc
    .subarray(
      Object.values(named.getFields()).filter((field) => !['userId', 'featureId'].includes(field.name)),
    )
    .map((optional) => {
      const { userId, featureId } = named.getFields();
      const fields = [userId, featureId, ...optional].filter((field) => field !== undefined);
      return {
        text: `${name}: {${fields.map((field) => `${field.name}: $${field.name}`).join(', ')}}`,
        declared: fields.map((field) => declare(field.name, `${field.type}`)),
        variables: Object.fromEntries(
          fields.map((field) => [field.name, ofType(field.type, known(), field.name)]),
        ),
      };
    });
  return fc.oneof({ weight: 3, arbitrary: whole }, written, parts);
}

interface Case {
  query: string;
  requests: object[];
}

const request = (variables: unknown, name: unknown, asText: boolean) => ({
  variables: asText ? JSON.stringify(variables) : variables,
  ...(name === undefined ? {} : { operationName: name }),
});

const cases: Arbitrary<Case> = fc.constantFrom(...roots).chain(({ field, kind }) => {
  const args = fc
    .tuple(...field.args.map(({ name, type }) => argument(name, type)))
    .chain((all) => fc.subarray(all, { minLength: Math.max(all.length - 2, 1) }));
  return fc
    .tuple(args, selection(field.type), fc.constantFrom('', 'other: '))
    .chain(([given, set, alias]) => {
      const declared = given.flatMap((each) => each.declared);
      const head = `${kind} Named${declared.length ? `(${declared.join(', ')})` : ''}`;
      const query = `${head} { ${alias}${field.name}(${given.map((each) => each.text).join(', ')})${set} }`;
      const variables = fc.record(Object.assign({}, ...given.map((each) => each.variables)), {
        requiredKeys: [],
      });
      const name = fc.constantFrom(undefined, undefined, null, 'Named', 'Other', '');
      const some = fc.array(fc.tuple(variables, name, fc.boolean()), { minLength: 3, maxLength: 6 });
      return some.map((all) => ({ query, requests: all.map((each) => request(...each)) }));
    });
});

async function ask(app: TestApp, body: string) {
  const headers = { Authorization: app.keys.test, 'Content-Type': 'application/json' };
  const response = await fetch(`${app.url}/graphql`, { method: 'POST', headers, body });
  const kept = [...response.headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
  return { status: response.status, headers: kept, body: await response.text() };
}

test(
  `plans answer as the general way does, with SEED=${seed} and RUNS=${runs}`,
  async () => {
    let compiled = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.record({}).chain(() => cases),
        async ({ query, requests }) => {
          try {
            if (compileOperation(schema, parse(query)) !== null) compiled += 1;
          } catch {}
          for (const each of requests) {
            const body = JSON.stringify({ query, ...each });
            expect(await ask(planned, body)).toEqual(await ask(general, body));
          }
        },
      ),
      { ...settings, numRuns: settings.numRuns * 5 },
    );
    expect(compiled).toBeGreaterThan(runs);
  },
  timeout * 10,
);
