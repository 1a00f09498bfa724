import { KanaError } from './errors.ts';

/** What every call answers: `data` when it was done, else `error`. Calls never reject. */
export type Result<Data> = { data: Data; error?: undefined } | { data?: undefined; error: KanaError };

/** What the user of the client wishes to happen on errors. */
export interface ErrorPolicy {
  /** Whether to send a call again; `retryNumber` is 1 before the first repeat. */
  retry: (error: KanaError, retryNumber: number) => boolean | Promise<boolean>;
  /** Gets every error that a call answers with. */
  onError: (error: KanaError) => void | Promise<void>;
}

/** Makes attempts until one succeeds, or the policy has enough of them. */
export async function attempt<Data>(policy: ErrorPolicy, once: () => Promise<Data>): Promise<Result<Data>> {
  for (let retryNumber = 1; ; retryNumber += 1) {
    try {
      return { data: await once() };
    } catch (thrown) {
      const error = asKanaError(thrown);
      if (!(await quietly(() => policy.retry(error, retryNumber)))) return { error };
    }
  }
}

/** Runs a call of the public surface: whatever it throws becomes its error, and errors are reported. */
export async function guard<Data>(
  policy: ErrorPolicy,
  call: () => Promise<Result<Data>>,
): Promise<Result<Data>> {
  const result = await call().catch((thrown) => ({ error: asKanaError(thrown) }));
  if (result.error) await report(policy, result.error);
  return result;
}

export async function report({ onError }: ErrorPolicy, error: KanaError): Promise<void> {
  await quietly(() => onError(error));
}

/** A callback that fails must not hide the error that it was called with. */
async function quietly<Answer>(callback: () => Answer | Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await callback();
  } catch {
    return undefined;
  }
}

/** Anything else that is thrown is a mistake in the arguments, such as one that was left out. */
function asKanaError(thrown: unknown): KanaError {
  return thrown instanceof KanaError ? thrown : new KanaError(String(thrown), { cause: thrown });
}
