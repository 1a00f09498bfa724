// Generates the SDK's types from schema.graphql, and what each of its methods sends from its operations.graphql.
// An operation that does not fit the schema fails here.
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { codegen } from '@graphql-codegen/core';
import * as operationTypes from '@graphql-codegen/typescript-operations';
import {
  buildASTSchema,
  getNamedType,
  isEnumType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  parse,
  print,
  stripIgnoredCharacters,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from 'graphql';

const source = 'packages/sdk/src';
const target = join(source, 'generated');

const schema = parse(readFileSync('schema.graphql', 'utf8'));
const document = parse(readFileSync(join(source, 'operations.graphql'), 'utf8'));
const documents = [{ location: 'operations.graphql', document }];

const scalars = { Amount: 'number', DateTime: 'string', JSON: 'Record<string, unknown>' };

/** What the operations take and answer. */
const operationsText = await codegen({
  filename: join(target, 'operations.ts'),
  schema,
  documents,
  config: { enumsAsTypes: true, skipTypename: true, useTypeImports: true, scalars },
  plugins: [{ operations: {} }],
  pluginMap: { operations: operationTypes },
});

/** The object types that the operations answer. */
function answeredTypes() {
  const types = new Set();
  const info = new TypeInfo(buildASTSchema(schema));
  const note = () => {
    const type = getNamedType(info.getParentType());
    if (isObjectType(type) && !['Query', 'Mutation'].includes(type.name)) types.add(type);
  };
  visit(document, visitWithTypeInfo(info, { Field: note }));
  return [...types].sort((one, other) => one.name.localeCompare(other.name));
}

const builtIn = { Boolean: 'boolean', Float: 'number', ID: 'string', Int: 'number', String: 'string' };

function typeText(type) {
  if (isNonNullType(type)) return typeText(type.ofType).replace(/ \| null$/, '');
  if (isListType(type)) return `Array<${typeText(type.ofType)}> | null`;
  return `${scalars[type.name] ?? builtIn[type.name] ?? type.name} | null`;
}

const comment = ({ description }) => (description ? `/** ${description.replaceAll('\n', ' ')} */\n` : '');

/** An object type with its descriptions, without fields that hold other objects. */
function writeType(type) {
  const fields = Object.values(type.getFields()).filter((field) => isLeafType(getNamedType(field.type)));
  const lines = fields.map(
    (field) => `  ${comment(field).trim()}\n  ${field.name}: ${typeText(field.type)};\n`,
  );
  return `${comment(type)}export interface ${type.name} {\n${lines.join('')}}\n`;
}

function writeTypes() {
  const types = answeredTypes();
  const fields = types.flatMap((type) => Object.values(type.getFields()));
  const enums = new Set(fields.map(({ type }) => getNamedType(type)).filter(isEnumType));
  const names = [...enums].map(({ name }) => name).sort();
  return [`import type { ${names.join(', ')} } from './operations.ts';\n`, ...types.map(writeType)].join(
    '\n',
  );
}

const fragments = new Map(
  document.definitions
    .filter(({ kind }) => kind === 'FragmentDefinition')
    .map((each) => [each.name.value, each]),
);

/** The fragments that a definition spreads, and those that they spread. */
function spreadBy(definition, found = new Set()) {
  visit(definition, {
    FragmentSpread({ name }) {
      const fragment = fragments.get(name.value);
      if (found.has(fragment)) return;
      found.add(fragment);
      spreadBy(fragment, found);
    },
  });
  return found;
}

const quote = (definition) => JSON.stringify(stripIgnoredCharacters(print(definition)));

const writeFragment = (fragment) => `const ${fragment.name.value} = ${quote(fragment)};\n`;

function writeOperation(definition) {
  const name = definition.name.value;
  const kind = definition.operation === 'query' ? 'Query' : 'Mutation';
  const types = `${name}${kind}, ${name}${kind}Variables`;
  const parts = [quote(definition), ...[...spreadBy(definition)].map((fragment) => fragment.name.value)];
  return `export const ${name}: Operation<${types}> = {\n  text: ${parts.join(' + ')},\n};\n`;
}

/** Writes only what has changed, and at once: a test may read the file while another builds. */
function write(path, text) {
  if (existsSync(path) && readFileSync(path, 'utf8') === text) return;
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, text);
  renameSync(draft, path);
}

mkdirSync(target, { recursive: true });
write(join(target, 'answers.ts'), writeTypes());
write(
  join(target, 'operations.ts'),
  [
    "import type { Operation } from '../operation.ts';\n",
    operationsText,
    ...[...fragments.values()].map(writeFragment),
    ...document.definitions.filter(({ kind }) => kind === 'OperationDefinition').map(writeOperation),
  ].join('\n'),
);
