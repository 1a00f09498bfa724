import { readFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import {
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { clientSchema } from '../src/client/schema.ts';
import { printedSchemas } from '../src/graphql/print.ts';
import { schema } from '../src/graphql/schema.ts';

describe('a committed schema is what the code says; if it is not, run `npm run schema`', () => {
  test.each(Object.entries(printedSchemas()))('%s', async (file, printed) => {
    expect(await readFile(new URL(`../${file}`, import.meta.url), 'utf8')).toBe(printed);
  });
});

interface Described {
  description?: string | null;
}

/** Everything in a schema that can have a description, by its coordinate, such as `Query.user(id:)`. */
function partsOf(from: GraphQLSchema): [string, Described][] {
  return Object.values(from.getTypeMap())
    .filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type))
    .flatMap((type) => [[type.name, type], ...membersOf(type)]);
}

function membersOf(type: GraphQLNamedType): [string, Described][] {
  if (isEnumType(type)) return type.getValues().map((value) => [`${type.name}.${value.name}`, value]);
  if (isInputObjectType(type))
    return Object.values(type.getFields()).map((field) => [`${type.name}.${field.name}`, field]);
  if (!isObjectType(type) && !isInterfaceType(type)) return [];
  return Object.values(type.getFields()).flatMap((field): [string, Described][] => [
    [`${type.name}.${field.name}`, field],
    ...field.args.map((arg): [string, Described] => [`${type.name}.${field.name}(${arg.name}:)`, arg]),
  ]);
}

describe('everything has a description, which is a sentence', () => {
  test.each([
    ['of the admin API', schema, 'Mutation.recordUsage(input:)'],
    ['of the client API', clientSchema, 'Query.currentUser'],
  ])('%s', (_which, from, one) => {
    const parts = partsOf(from);
    expect(parts.map(([coordinate]) => coordinate)).toContain(one);
    const bare = parts.filter(([, { description }]) => !/^\S.*[.)]$/s.test(description ?? ''));
    expect(bare.map(([coordinate]) => coordinate)).toEqual([]);
  });
});
