import { realpathSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { clientSchema } from '../client/schema.ts';
import { schema } from './schema.ts';

const print = (each: GraphQLSchema) => `${printSchema(lexicographicSortSchema(each))}\n`;

/** Returns the schemas in SDL, by file name. */
export const printedSchemas = () => ({
  'schema.graphql': print(schema),
  'schema.client.graphql': print(clientSchema),
});

// Writes the files only if Node was started with this file.
if (import.meta.url === pathToFileURL(realpathSync(process.argv[1] ?? '.')).href)
  for (const [file, text] of Object.entries(printedSchemas())) writeFileSync(file, text);
