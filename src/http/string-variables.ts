import { GraphQLError } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * Clients of the original may send `variables` as a string that holds a JSON object, as each of its cURL
 * examples does.
 */
export function useStringVariables(): Plugin {
  return {
    onParams({ params, setParams }) {
      if (typeof params.variables === 'string') {
        setParams({ ...params, variables: readObject(params.variables) });
      }
    },
  };
}

function readObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return { ...value };
  } catch {
    // Falls through to the one answer for everything that is no JSON object.
  }
  throw new GraphQLError('variables: must be a JSON object, or a string that holds one', {
    extensions: { code: 'BAD_USER_INPUT', http: { status: 400 } },
  });
}
