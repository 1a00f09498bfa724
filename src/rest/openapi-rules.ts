import { z } from 'zod';
import type { RestOperation } from './operation-rules.ts';
import { Problem } from './shapes-rules.ts';

const json = (schema: z.ZodType) => {
  const { $schema: _dialect, ...plain } = z.toJSONSchema(schema);
  return { 'application/json': { schema: plain } };
};

const problemResponse = {
  description: 'An error.',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

function parametersOf({ path, query }: RestOperation): object[] {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const asked = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { $schema: _dialect, description, ...plain } = z.toJSONSchema(schema as z.ZodType);
    return { name, in: 'query', required: false, description, schema: plain };
  });
  return [...named, ...asked];
}

function describe(operation: RestOperation): object {
  const { id, summary, body, response, status = 200 } = operation;
  const parameters = parametersOf(operation);
  return {
    operationId: id,
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: json(body) } }),
    responses: {
      [status]: { description: 'Success.', content: json(response) },
      default: problemResponse,
    },
  };
}

/**
 * Returns the description of the REST API as an OpenAPI 3.1 document.
 *
 * @param basePath where the server answers, such as `/kana`
 */
export function openApiOf(operations: readonly RestOperation[], basePath = '') {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) {
    const path = `/v1${operation.path}`;
    paths[path] = { ...paths[path], [operation.method.toLowerCase()]: describe(operation) };
  }
  const { $schema: _dialect, ...problem } = z.toJSONSchema(Problem);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Open Kana',
      version: '1',
      description: 'What users may use, and what they have used. Everything else is in the GraphQL API.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: `${basePath}/` }],
    security: [{ key: [] }],
    paths,
    components: {
      schemas: { Problem: problem },
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'A private key: prv_test_… or prv_live_….' },
      },
    },
  };
}
