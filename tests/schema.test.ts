import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  buildSchema,
  type GraphQLNamedType,
  isEnumType,
  isInputObjectType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
} from 'graphql';
import { printedSchemas } from '../src/graphql/print.ts';

interface Described {
  name: string;
  description?: string | null;
}

/** Everything in a type that a description belongs to, by its path. */
function partsOf(type: GraphQLNamedType): [string, Described][] {
  const parts: [string, Described][] = [[type.name, type]];
  const add = (path: string, part: Described) => parts.push([`${path}.${part.name}`, part]);
  if (isEnumType(type)) for (const value of type.getValues()) add(type.name, value);
  if (isObjectType(type) || isInputObjectType(type))
    for (const field of Object.values(type.getFields())) {
      add(type.name, field);
      if ('args' in field) for (const argument of field.args) add(`${type.name}.${field.name}`, argument);
    }
  return parts;
}

describe.each(Object.entries(printedSchemas()))('%s', (file, printed) => {
  it('is what the code says; `npm run schema` writes it anew', () => {
    expect(readFileSync(file, 'utf8')).toBe(printed);
  });

  it('describes every type, field, argument and value', () => {
    const own = Object.values(buildSchema(printed).getTypeMap()).filter(
      (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
    );
    const silent = own.flatMap(partsOf).filter(([, { description }]) => !description?.trim());

    expect(silent.map(([path]) => path)).toEqual([]);
  });
});
