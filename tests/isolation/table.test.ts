import { describe, expect, test } from '@jest/globals';
import { type GraphQLField, isObjectType } from 'graphql';
import { schema } from '../../src/graphql/schema.ts';
import { givenPaths, inputPaths } from '../helpers/operations.ts';
import { mutations, nested, queries, type Row } from './operations.ts';
import { namesOf } from './world.ts';

// The other tests here go through a table of calls. This one sees to it that nothing is missing from it.

const its = namesOf('');
const fieldsOf = (type: string) => {
  const found = schema.getType(type);
  return isObjectType(found) ? found.getFields() : {};
};

function missingFrom(field: GraphQLField<unknown, unknown>, row: Row | undefined): string[] {
  if (row === undefined) return [`a row ${field.name}: { calls: […] }`];
  const given = row.calls.flatMap((call) => givenPaths(field, call(its)));
  return inputPaths(field)
    .filter((path) => !given.includes(path))
    .map((path) => `in the row ${field.name} a call that gives ${path}`);
}

describe.each([
  ['Query', 'queries', queries],
  ['Mutation', 'mutations', mutations],
])('every field of %s, and all that can be given to it,', (type, table, rows) => {
  test(`is in ${table}; if this fails, add to tests/isolation/operations.ts:`, () => {
    const fields = Object.values(fieldsOf(type));
    expect(fields.length).toBeGreaterThan(0);
    expect(fields.flatMap((field) => missingFrom(field, rows[field.name]))).toEqual([]);
  });

  test(`is still there; if this fails, take out of ${table}:`, () => {
    expect(Object.keys(rows).filter((name) => !(name in fieldsOf(type)))).toEqual([]);
  });
});

test('every argument of another field is in nested; if this fails, add to tests/isolation/operations.ts:', () => {
  const needed = Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter(({ name }) => !/^(Query|Mutation|__.*)$/.test(name))
    .flatMap((type) =>
      Object.values(type.getFields()).map((field) => ({ name: `${type.name}.${field.name}`, field })),
    )
    .filter(({ field }) => field.args.length > 0);
  const missing = needed.flatMap(({ name, field }) => {
    const given = givenPaths(field, nested[name]?.(its) ?? {});
    return inputPaths(field)
      .filter((path) => !given.includes(path))
      .map((path) => `'${name}': ${path}`);
  });
  expect(missing).toEqual([]);
  expect(Object.keys(nested).filter((name) => !needed.some((each) => each.name === name))).toEqual([]);
});
