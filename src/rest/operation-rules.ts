import { z } from 'zod';

/** What a request brings. */
export interface Given {
  params: Readonly<Record<string, string>>;
  query: Record<string, string | undefined>;
  body: Record<string, unknown>;
  idempotencyKey: string | undefined;
}

// biome-ignore lint/suspicious/noExplicitAny: the data of an operation has the shape that its text asks for
export type Data = any;

/** A REST operation: one GraphQL operation under another name, so that both have the same rules and limits. */
export interface RestOperation {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE';
  /** Below /v1. */
  path: string;
  id: string;
  summary: string;
  query?: z.ZodObject;
  body?: z.ZodObject;
  response: z.ZodType;
  /** The status of success; by default 200. */
  status?: 201;
  document: string;
  variables(given: Given): Record<string, unknown>;
  /** Makes the answer of the operation's data. */
  answer(data: Data, given: Given): unknown;
}

export const Page = z.object({
  first: z.string().regex(/^\d+$/, 'must be a number').optional().describe('At most this many, up to 1000.'),
  after: z.string().optional().describe('The id of the last item of the page before.'),
});
export const pageOf = ({ query: { first, after } }: Given) => ({
  first: first === undefined ? null : Number(first),
  after: after ?? null,
});

export const pageArgs = '$first: Int, $after: String';
export const pageUse = 'first: $first, after: $after';

export const listOf = (name: string, item: z.ZodType) => z.object({ [name]: z.array(item) });

export const userId = ({ params }: Given) => params.userId ?? '';
