import { realpathSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { clientSchema } from '../client/schema.ts';
import { schema } from './schema.ts';

const print = (each: GraphQLSchema) => `${printSchema(lexicographicSortSchema(each))}\n`;

/** The schemas as they are committed, by the name of the file. */
export const printedSchemas = () => ({
  'schema.graphql': print(schema),
  'schema.client.graphql': print(clientSchema),
});

// Written only when this file is what Node was started with, wherever the project lies.
if (import.meta.url === pathToFileURL(realpathSync(process.argv[1] ?? '.')).href)
  for (const [file, text] of Object.entries(printedSchemas())) writeFileSync(file, text);
