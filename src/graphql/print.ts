import { mkdirSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type GraphQLSchema, lexicographicSortSchema, printSchema } from 'graphql';
import { clientSchema } from '../client/schema.ts';
import { openApiOf } from '../rest/openapi-rules.ts';
import { operations } from '../rest/operations-rules.ts';
import { type EventType, eventData } from '../webhooks/outbox/rules.ts';
import { payloadSchema } from '../webhooks/schema-rules.ts';
import { schema } from './schema.ts';

const print = (each: GraphQLSchema) => `${printSchema(lexicographicSortSchema(each))}\n`;

/** Returns all schemas, by file name: of the APIs in SDL or OpenAPI, and of what webhooks are sent as JSON Schema. */
export const printedSchemas = (): Record<string, string> => ({
  'schema.graphql': print(schema),
  'schema.client.graphql': print(clientSchema),
  'openapi.json': `${JSON.stringify(openApiOf(operations), null, 2)}\n`,
  ...printedPayloads(),
});

const printedPayloads = () =>
  Object.fromEntries(
    Object.keys(eventData).map((type) => [
      `docs/reference/webhooks/${type}.json`,
      `${JSON.stringify(payloadSchema(type as EventType), null, 2)}\n`,
    ]),
  );

// Writes the files only if Node was started with this file.
if (import.meta.url === pathToFileURL(realpathSync(process.argv[1] ?? '.')).href)
  for (const [file, text] of Object.entries(printedSchemas())) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
