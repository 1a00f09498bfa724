import { STATUS_CODES } from 'node:http';
import { type Answer, codeOf, type Refusal } from './response.ts';

export const noStore = { 'Cache-Control': 'private, no-store' };

interface Details {
  code: string;
  name?: string | undefined;
  detail?: string;
  requestId?: string | undefined;
}

/** An error as RFC 9457 says. Its type is none of ours: `code` and `name` tell errors apart. */
export function problem(status: number, { code, ...rest }: Details): Answer {
  const body = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, ...rest, code };
  return { status, body, headers: { ...noStore, 'Content-Type': 'application/problem+json; charset=utf-8' } };
}

/** A refusal of the HTTP layer as such an error. */
export function problemOf({ status, body, headers }: Answer): Answer {
  const [error] = (body as Partial<Refusal['body']>).errors ?? [];
  const { code = codeOf(status), requestId } = (error?.extensions ?? {}) as Partial<Details>;
  const answer = problem(status, {
    code,
    ...(error === undefined ? {} : { detail: error.message }),
    ...(requestId === undefined ? {} : { requestId }),
  });
  return { ...answer, headers: { ...headers, ...answer.headers } };
}
