import type { Described } from './inputs.ts';
import { attempt, type ErrorPolicy, guard, type Result } from './result.ts';
import type { Send } from './transport.ts';

/** Sends an operation, again if the policy says so, and answers its data. */
export type Request = <Data>(document: string, variables?: object) => Promise<Result<Data>>;

/** Makes a method of the public surface, which sends an operation and answers what its one field answered. */
export type Method = <Args extends unknown[], Data>(
  document: string,
  /** Its variables, where they are not the first argument as it stands. */
  variables?: (...args: Args) => object,
) => (...args: Args) => Promise<Result<Data>>;

export function createRequest(send: Send, policy: ErrorPolicy): Request {
  return <Data>(document: string, variables?: object) =>
    attempt(policy, async () => (await send(document, variables)) as Data);
}

export function createMethod(request: Request, policy: ErrorPolicy): Method {
  return (document, variables) =>
    (...args) =>
      guard(policy, async () =>
        onlyField(await request(document, variables ? variables(...args) : (args[0] as object))),
      );
}

/** What an operation of one field answered. */
export function onlyField<Data>({ data, error }: Result<Record<string, Data>>): Result<Data> {
  return error ? { error } : { data: Object.values(data)[0] as Data };
}

/** The variables of what makes something new: its description, given alone or as `input`. */
export function toInput<Input extends object>(described: Described<Input>): { input: Input } {
  return 'input' in described ? described : { input: described };
}
