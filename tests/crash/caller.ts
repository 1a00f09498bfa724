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
  /** Attempts that were answered, or failed: when they began and how long that took, in milliseconds. */
  attempts: { at: number; took: number }[];
}

export interface Caller {
  /** Sends an operation until it is answered, and answers its data; or the code and message of its error. */
  call(
    query: string,
    variables: object,
  ): Promise<{ data: Answer; error: { code: string; message: string } | null }>;
  figures: Figures;
}

/** After this time a sender gives up an attempt, and sends the call again, in milliseconds. */
const patience = 15_000;

/** Sends as a careful client does: until there is an answer that is not about the state of the server. */
export function createCaller(url: string, key: string, random: Random): Caller {
  const figures: Figures = { calls: 0, retries: 0, failures: new Map(), faults: [], attempts: [] };

  /** Null when the attempt failed in a way that asks for another one. */
  async function attempt(body: string): Promise<Answer | null> {
    const at = Date.now();
    const result = await post(body).catch((error) => reasonOf(error));
    figures.attempts.push({ at, took: Date.now() - at });
    if (typeof result !== 'string') return result;
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
    async call(query, variables) {
      const body = JSON.stringify({ query, variables });
      figures.calls += 1;
      for (;;) {
        const answer = await attempt(body);
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
