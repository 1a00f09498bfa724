import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from './random.ts';

// biome-ignore lint/suspicious/noExplicitAny: answers of any shape
export type Answer = any;

/** What became of all calls, as their senders saw it. */
export interface Figures {
  calls: number;
  retries: number;
  /** Why attempts failed, and how many did so. */
  failures: Map<string, number>;
  /** Errors that no call should have been answered with. */
  faults: string[];
  attempts: Attempt[];
}

/** One request, and what came back. */
export interface Attempt {
  /** When it began, and how long it took until it was answered or failed, in milliseconds. */
  at: number;
  took: number;
  /** When it was sent and answered, in one count of events of this process. */
  began: number;
  ended: number;
  query: string;
  variables: Answer;
  /** Null where its outcome is not known. */
  answer: Answer | null;
  /** Nothing took the connection, so that nothing has happened. */
  isRefused: boolean;
}

export interface Caller {
  /** Sends an operation until it is answered, and answers its data; or the code and message of its error. */
  call(
    query: string,
    variables: object,
  ): Promise<{ data: Answer; error: { code: string; message: string } | null }>;
  /** Sends an operation once. Null when the outcome is not known. */
  attempt(query: string, variables: object): Promise<Answer | null>;
  figures: Figures;
}

/** After this time a sender gives up an attempt, and sends the call again, in milliseconds. */
const patience = 15_000;

/** Sends as a careful client does: until there is an answer that is not about the state of the server. */
export function createCaller(url: string, key: string, random: Random): Caller {
  const figures: Figures = { calls: 0, retries: 0, failures: new Map(), faults: [], attempts: [] };
  let events = 0;

  /** Null when the attempt failed in a way that asks for another one. */
  async function attempt(query: string, variables: object): Promise<Answer | null> {
    const at = Date.now();
    events += 1;
    const began = events;
    const result = await post(JSON.stringify({ query, variables })).catch((error) => reasonOf(error));
    events += 1;
    const answer = typeof result === 'string' ? null : result;
    figures.attempts.push({
      at,
      took: Date.now() - at,
      began,
      ended: events,
      query,
      variables,
      answer,
      isRefused: result === 'ECONNREFUSED',
    });
    if (typeof result !== 'string') return answer;
    figures.failures.set(result, (figures.failures.get(result) ?? 0) + 1);
    return null;
  }
  /** The answer, or why it is none. */
  async function post(body: string): Promise<Answer | string> {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { authorization: key, 'content-type': 'application/json' },
      body,
      signal: AbortSignal.timeout(patience),
    });
    const answer = (await response.json()) as Answer;
    const code = answer.errors?.[0].extensions?.code;
    if (code === 'SERVICE_UNAVAILABLE' && response.status === 503) return `${response.status} ${code}`;
    if (response.status === 200 && code !== 'INTERNAL_SERVER_ERROR') return answer;
    figures.faults.push(`${response.status} ${JSON.stringify(answer)}`);
    return `${response.status} ${code}`;
  }

  return {
    figures,
    attempt,
    async call(query, variables) {
      figures.calls += 1;
      for (;;) {
        const answer = await attempt(query, variables);
        if (answer !== null) {
          const [error] = answer.errors ?? [];
          return {
            data: answer.data,
            error: error ? { code: error.extensions.code, message: error.message } : null,
          };
        }
        figures.retries += 1;
        await sleep(random.between(50, 250));
      }
    },
  };
}

function reasonOf(error: Error & { cause?: { code?: string } }): string {
  return error.cause?.code ?? error.name;
}
