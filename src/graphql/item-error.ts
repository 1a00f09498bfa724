import { DomainError } from '../errors.ts';
import { builder } from './builder.ts';
import type { Context } from './context.ts';

/** An error as data: GraphQL treats an Error object in a list as a failure of the whole list. */
export interface ItemError {
  name: string;
  message: string;
  code: string;
}

export const RecordUsageError = builder.objectRef<ItemError>('RecordUsageError').implement({
  description: 'Why one item of a list failed.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'The typed name, such as `UserNotFoundError`.' }),
    message: t.exposeString('message', { description: 'The error, as a sentence.' }),
    code: t.exposeString('code', {
      description:
        '`BAD_USER_INPUT`, `NOT_FOUND` or `CONFLICT`. `SERVICE_UNAVAILABLE` or `INTERNAL_SERVER_ERROR` if only other usages of the list were recorded: send this usage again, with its key if it has one.',
    }),
  }),
});

/** An error of one item of a list, as data. */
export function itemErrorOf(error: Error, reportFault: Context['reportFault']): ItemError {
  if (error instanceof DomainError)
    return { name: error.typedName, message: error.message, code: error.code };
  const { code, message } = reportFault(error);
  return { name: code === 'SERVICE_UNAVAILABLE' ? 'UnavailableError' : 'InternalServerError', message, code };
}

/** Whether the server failed, not the caller. If all items of a list failed so, the call fails as a whole. */
export const isFailure = (result: unknown) => result instanceof Error && !(result instanceof DomainError);
