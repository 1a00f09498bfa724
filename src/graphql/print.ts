import { writeFileSync } from 'node:fs';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { clientSchema } from '../client/schema.ts';
import { schema } from './schema.ts';

const print = (each: GraphQLSchema) => `${printSchema(lexicographicSortSchema(each))}\n`;

/** The schemas as they are committed, by the name of the file. */
export const printedSchemas = () => ({
  'schema.graphql': print(schema),
  'schema.client.graphql': print(clientSchema),
});

if (import.meta.url === `file://${process.argv[1]}`)
  for (const [file, text] of Object.entries(printedSchemas())) writeFileSync(file, text);
