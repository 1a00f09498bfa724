// Types the console's operations from schema.graphql: an operation that does not fit the schema fails here, and
// a page that does not fit its operation fails in the typecheck.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as typedDocuments from '@graphql-codegen/typed-document-node';
import * as operations from '@graphql-codegen/typescript-operations';
import { parse } from 'graphql';

const source = 'src/console';
const target = join(source, 'generated/operations.ts');

const documents = readdirSync(source, { recursive: true })
  .filter((file) => file.endsWith('.graphql'))
  .sort()
  .map((file) => ({ location: file, document: parse(readFileSync(join(source, file), 'utf8')) }));

const config = {
  documentMode: 'string',
  enumsAsTypes: true,
  skipTypename: true,
  useTypeImports: true,
  dedupeFragments: true,
  scalars: { Amount: 'number', DateTime: 'string', JSON: 'unknown' },
};

const text = await codegen({
  filename: target,
  schema: parse(readFileSync('schema.graphql', 'utf8')),
  documents,
  config,
  plugins: [{ operations: {} }, { typedDocuments: {} }],
  pluginMap: { operations, typedDocuments },
});

mkdirSync(dirname(target), { recursive: true });
writeFileSync(target, text);
