import { KanaError } from './errors.ts';
import type { Operation } from './operation.ts';
import type { Transport } from './transport.ts';

/** The result of every call: `data` on success, else `error`. Calls never reject. */
export type Result<Data> = { data: Data; error?: undefined } | { data?: undefined; error: KanaError };

/** Whether to send a call again. `retryNumber` is 1 before the first repeat. */
export type Retry = (error: KanaError, retryNumber: number) => boolean | Promise<boolean>;

/** Called with every error that a call returns. */
export type OnError = (error: KanaError) => void | Promise<void>;

/** Sends operations, repeats them, and turns what is thrown into results. */
export class Caller {
  readonly #transport: Transport;
  readonly #retry: Retry;
  readonly #onError: OnError;

  constructor(transport: Transport, retry: Retry, onError: OnError) {
    this.#transport = transport;
    this.#retry = retry;
    this.#onError = onError;
  }

  /**
   * One call of the public surface: sends an operation, and answers what `read` takes from its data. Arguments are
   * read inside the call, so that a wrong one becomes an error too.
   */
  call<Data, Variables extends object, Answer>(
    operation: Operation<Data, Variables>,
    variables: () => Variables | undefined,
    read: (data: Data) => Answer,
  ): Promise<Result<Answer>> {
    return this.run(() => this.send(operation, variables(), read));
  }

  /** Sends an operation, again if `retry` says so. Throws a KanaError. */
  async send<Data, Variables extends object, Answer>(
    { text }: Operation<Data, Variables>,
    variables: Variables | undefined,
    read: (data: Data) => Answer,
  ): Promise<Answer> {
    for (let retryNumber = 1; ; retryNumber += 1) {
      try {
        return read((await this.#transport.send(text, variables)) as Data);
      } catch (error) {
        if (!(error instanceof KanaError)) throw error;
        if (!(await ignoreFailure(() => this.#retry(error, retryNumber)))) throw error;
      }
    }
  }

  /** Runs a method of the client. Whatever it throws becomes its error, and is reported. */
  async run<Data>(method: () => Promise<Data>): Promise<Result<Data>> {
    try {
      return { data: await method() };
    } catch (thrown) {
      return { error: await this.report(thrown) };
    }
  }

  /** Passes what was thrown to `onError`, as a KanaError, and returns it. */
  async report(thrown: unknown): Promise<KanaError> {
    // Anything else that is thrown is a mistake in the arguments, such as one that was left out.
    const error = thrown instanceof KanaError ? thrown : new KanaError(String(thrown), { cause: thrown });
    await ignoreFailure(() => this.#onError(error));
    return error;
  }
}

/** A callback that fails must not hide the error that it was called with. */
async function ignoreFailure<Answer>(callback: () => Answer | Promise<Answer>): Promise<Answer | undefined> {
  try {
    return await callback();
  } catch {
    return undefined;
  }
}
