import { readFile } from 'node:fs/promises';
import { codegen } from '@graphql-codegen/core';
import * as operationTypes from '@graphql-codegen/typescript-operations';
import { expect, test } from '@jest/globals';
import { buildSchema, isScalarType, isSpecifiedScalarType, parse } from 'graphql';

const file = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

/** The scalars that the reference tells GraphQL Code Generator to use. */
async function documentedScalars(): Promise<Record<string, string>> {
  const [, list] = /`config: \{ scalars: \{ (.+?) \} \}`/.exec(await file('docs/reference/api.md')) ?? [];
  return Object.fromEntries(
    [...(list ?? '').matchAll(/(\w+): '(\w+)'/g)].map(([, name, type]) => [name, type]),
  );
}

test('the documented configuration of GraphQL Code Generator names every scalar of ours', async () => {
  const ours = ['schema.graphql', 'schema.client.graphql'].map(async (path) =>
    Object.values(buildSchema(await file(path)).getTypeMap())
      .filter((type) => isScalarType(type) && !isSpecifiedScalarType(type))
      .map(({ name }) => name),
  );
  const names = new Set((await Promise.all(ours)).flat());
  expect(Object.keys(await documentedScalars()).sort()).toEqual([...names].sort());
});

test('it makes types of which the compiler knows what they hold', async () => {
  const schema = buildSchema(await file('schema.graphql'));
  const text = await codegen({
    schema: parse(await file('schema.graphql')),
    schemaAst: schema,
    documents: [
      {
        document: parse(
          'query One($to: DateTime) { user(id: "eva") { metadata } usageSeries(featureId: "calls", to: $to) { start used } }',
        ),
      },
    ],
    filename: 'types.ts',
    config: { scalars: await documentedScalars() },
    plugins: [{ operations: {} }],
    pluginMap: { operations: operationTypes },
  });
  expect(text).toMatch(/metadata: unknown/);
  expect(text).toMatch(/start: string, used: number/);
  expect(text).toMatch(/to\?: [^;]*string/);
  expect(text).not.toMatch(/\bany\b/);
});
