import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import { jsonValue } from '../database/json.ts';
import { inTurn } from '../database/user-turns.ts';
import { userAlreadyExists, userNotFound } from '../errors.ts';
import type { NewUser, UserChange, UserFacts } from './rules.ts';
import { findUserKey, lockUser, requireUserKey } from './store.ts';

/**
 * Runs `work` in the transaction in which these ids may begin to lead to a user. Whoever holds something back
 * until there is such a user learns of it in the same transaction, so that nothing is forgotten.
 */
export type AdmitUsers = <Result>(
  environmentId: string,
  userIds: readonly string[],
  work: (tx: Db) => Promise<Result>,
) => Promise<Result>;

/** Whose users are changed, by whom, and by what ways. */
interface Place {
  db: Db;
  admitUsers: AdmitUsers;
  author: Author;
}

/** @returns the key of the new user @throws UserAlreadyExistsError when the id is taken */
export async function createUser(
  { admitUsers, author }: Omit<Place, 'db'>,
  { metadata, ...user }: NewUser,
): Promise<bigint> {
  const { environmentId } = author;
  const data = { ...user, metadata: jsonValue(metadata), environmentId };
  const what = { action: 'createUser', type: 'USER', handles: [] } as const;
  try {
    return await admitUsers(environmentId, [user.id], async (tx) => {
      const made = () => tx.user.create({ data, select: { key: true } });
      const { key } = await audited(tx, author, what, made, (created) => [created.key]);
      return key;
    });
  } catch (error) {
    throw isUniqueViolation(error) ? userAlreadyExists(user.id) : error;
  }
}

/**
 * Changes the user to whom this id leads, the user's own id included; see UserChange.
 *
 * @returns the key of the user
 * @throws UserNotFoundError
 * @throws UserAlreadyExistsError when the new id is taken
 */
export async function updateUser(
  { db, admitUsers, author }: Place,
  id: string,
  { id: newId, metadata, ...facts }: UserChange,
): Promise<bigint> {
  const { environmentId } = author;
  const known = await requireUserKey(db, environmentId, id);
  const change = { ...facts, metadata: jsonValue(metadata) };
  try {
    return await inTurn(`${known}`, () =>
      admitUsers(environmentId, [newId], async (tx) => {
        const key = await lockUser(tx, known);
        // Under the lock: the id may have been given away, or taken away, since it was looked up.
        if (key === null || (await findUserKey(tx, environmentId, id)) !== key) throw userNotFound(id);
        await audited(tx, author, { action: 'updateUser', type: 'USER', handles: [key] }, async () => {
          if (newId !== id) await renameUser(tx, key, newId);
          await tx.user.update({ where: { key }, data: change });
        });
        return key;
      }),
    );
  } catch (error) {
    throw isUniqueViolation(error) ? userAlreadyExists(newId) : error;
  }
}

/** Whoever is given a new id has one of the company's own from then on. */
async function renameUser(tx: Db, key: bigint, id: string): Promise<void> {
  await tx.user.updateMany({ where: { key, NOT: { id } }, data: { id, imported: false } });
}

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
