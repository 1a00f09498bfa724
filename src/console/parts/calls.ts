import type { Environment } from '../api/request.ts';
import { serverAddress } from '../frame/base-path.ts';

/** JSON as a quoted shell argument. */
export const quoted = (value: unknown): string => `'${JSON.stringify(value).replaceAll("'", "'\\''")}'`;

/** An operation as a cURL command; the reader fills in the key. */
export const curlOf = (environment: Environment, operation: string): string =>
  `curl ${serverAddress()}/graphql -H 'Authorization: prv_${environment}_…' -H 'Content-Type: application/json' \\
  -d ${quoted({ query: operation })}`;
