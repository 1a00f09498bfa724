import { KanaError } from './errors.ts';
import type { Described } from './inputs.ts';
import { type OperationKind, operation } from './operations.ts';
import { type Guard, quietly, type Result } from './result.ts';
import type { Send } from './transport.ts';

/** Whether to send a call again; `retryNumber` is 1 before the first repeat. */
export type Retry = (error: KanaError, retryNumber: number) => boolean | Promise<boolean>;

/**
 * Sends an operation, again if the client's user says so, and answers what is read of its data: by default what
 * its one field answered. Throws a KanaError.
 */
export type Request = <Data>(
  document: string,
  variables: object | undefined,
  read?: (data: object) => Data,
) => Promise<Data>;

/** Makes a method of the public surface, which sends an operation and answers what its one field answered. */
export type Method = <Args extends unknown[], Data>(
  field: string,
  /** The field's arguments, and what to answer, as `operation` reads them. */
  args: string,
  selection: string,
  /** Its variables, where they are not the first argument as it stands. */
  variables?: (...args: Args) => object,
) => (...args: Args) => Promise<Result<Data>>;

export const createRequest =
  (send: Send, retry: Retry): Request =>
  async (document, variables, read = onlyField) => {
    for (let retryNumber = 1; ; retryNumber += 1) {
      try {
        return read(await send(document, variables));
      } catch (error) {
        if (!(error instanceof KanaError && (await quietly(() => retry(error, retryNumber))))) throw error;
      }
    }
  };

export const createMethod =
  (kind: OperationKind, request: Request, guard: Guard): Method =>
  (field, args, selection, variables = (...[first]) => first as object) => {
    const document = operation(kind, field, args, selection);
    return (...given) => guard(() => request(document, variables(...given)));
  };

/** What an operation of one field answered. */
export const onlyField = <Data>(data: object): Data => Object.values(data)[0];

/** The variables of what makes something new: its description, given alone or as `input`. */
export const toInput = <Input extends object>(described: Described<Input>): { input: Input } =>
  'input' in described ? described : { input: described };
