import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import { jsonValue } from '../database/json.ts';
import { inUserTurn } from '../database/turns.ts';
import { userAlreadyExists, userNotFound } from '../errors.ts';
import type { AdmitUsers } from './arrival.ts';
import type { NewUser, UserChange, UserFacts } from './rules.ts';
import { findUserKey, lockUser, requireUserKey } from './store.ts';

interface ChangeContext {
  db: Db;
  admitUsers: AdmitUsers;
  author: Author;
}

/** @returns the key of the new user @throws UserAlreadyExistsError if the id is taken */
export async function createUser(
  { admitUsers, author }: Omit<ChangeContext, 'db'>,
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
 * Changes the user with this id, or the survivor if the user was merged. The id may change too; see UserChange.
 *
 * @returns the key of the user
 * @throws UserNotFoundError
 * @throws UserAlreadyExistsError if the new id is taken
 */
export async function updateUser(
  { db, admitUsers, author }: ChangeContext,
  id: string,
  { id: newId, metadata, ...facts }: UserChange,
): Promise<bigint> {
  const { environmentId } = author;
  const known = await requireUserKey(db, environmentId, id);
  const change = { ...facts, metadata: jsonValue(metadata) };
  try {
    return await inUserTurn(`${known}`, () =>
      admitUsers(environmentId, [newId], async (tx) => {
        const key = await lockUser(tx, known);
        // Read again under the lock: the id may belong to another user since the look-up.
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

/** A user with a new id no longer counts as imported. */
async function renameUser(tx: Db, key: bigint, id: string): Promise<void> {
  await tx.user.updateMany({ where: { key, NOT: { id } }, data: { id, imported: false } });
}

/**
 * Gives an imported user an id chosen by the company. After that, the user does not count as imported.
 *
 * @param facts other fields to change; omitted fields stay
 * @returns false, without a change, if the user was claimed, renamed, merged or deleted meanwhile
 * @throws UserAlreadyExistsError if the id is taken; this aborts a surrounding transaction
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
