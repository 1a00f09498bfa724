import type { Environment } from '../api/request.ts';

/** JSON as an argument that a shell leaves as it is. */
export const quoted = (value: unknown): string => `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`;

/** An operation as a call that can be pasted into a terminal, once the key is filled in. */
export const curlOf = (environment: Environment, operation: string): string =>
  `curl ${window.location.origin}/graphql -H 'Authorization: prv_${environment}_…' -H 'Content-Type: application/json' \\
  -d ${quoted({ query: operation })}`;
