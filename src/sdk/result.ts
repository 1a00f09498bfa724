import { KanaError } from './errors.ts';

/** What every call answers: `data` when it was done, else `error`. Calls never reject. */
export type Result<Data> = { data: Data; error?: undefined } | { data?: undefined; error: KanaError };

/** Tells the user of the client what was thrown, as an error that a call answers with, and answers that error. */
export type Report = (thrown: unknown) => Promise<KanaError>;

/** Runs a call of the public surface: whatever it throws becomes its error, and is reported. */
export type Guard = <Data>(call: () => Promise<Data>) => Promise<Result<Data>>;

export const createReport =
  (onError: (error: KanaError) => void | Promise<void>): Report =>
  async (thrown) => {
    // Anything else that is thrown is a mistake in the arguments, such as one that was left out.
    const error = thrown instanceof KanaError ? thrown : new KanaError(String(thrown), { cause: thrown });
    await quietly(() => onError(error));
    return error;
  };

export const createGuard =
  (report: Report): Guard =>
  async (call) => {
    try {
      return { data: await call() };
    } catch (thrown) {
      return { error: await report(thrown) };
    }
  };

/** A callback that fails must not hide the error that it was called with. */
export async function quietly<Answer>(callback: () => Answer | Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await callback();
  } catch {
    return undefined;
  }
}
