import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/conflict.ts';
import { jsonValue } from '../database/json.ts';
import { userAlreadyExists } from '../errors.ts';
import type { UserFacts } from './rules.ts';

/**
 * Gives an imported user an id of the company's own. From then on the user is like any that the company made.
 *
 * @param facts what to change besides; what is left out stays
 * @returns false, and nothing is done, when the user was claimed, renamed, merged or deleted in the meantime
 * @throws UserAlreadyExistsError when the id is taken; a transaction around it is then lost
 */
export async function claimUser(db: Db, key: bigint, id: string, facts: UserFacts = {}): Promise<boolean> {
  const { metadata, ...rest } = facts;
  try {
    const { count } = await db.user.updateMany({
      where: { key, imported: true, mergedInto: null },
      data: { ...rest, metadata: jsonValue(metadata), id, imported: false },
    });
    return count > 0;
  } catch (error) {
    throw isUniqueViolation(error) ? userAlreadyExists(id) : error;
  }
}

/**
 * Runs `work` in the transaction in which these ids may begin to lead to a user. Whoever holds something back
 * until there is such a user learns of it in the same transaction, so that nothing is forgotten.
 */
export type AdmitUsers = <Result>(
  environmentId: string,
  userIds: readonly string[],
  work: (tx: Db) => Promise<Result>,
) => Promise<Result>;
