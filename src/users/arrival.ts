import type { Db } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';

/** Ids that may begin to lead to a user. */
export interface ArrivingIds {
  environmentId: string;
  userIds: readonly string[];
}

/** What a later concept does when ids begin to lead to a user. */
export interface UserArrivedHook {
  /** Runs in the transaction, before the change: takes locks. */
  before(tx: Db, ids: ArrivingIds): Promise<void>;
  /** Runs in the transaction, after the change. @returns what runs after the commit; it must not fail */
  after(tx: Db, ids: ArrivingIds): Promise<() => Promise<void>>;
}

/** Runs `change` in the transaction in which these ids may begin to lead to a user, with all hooks. */
export type AdmitUsers = <Result>(
  environmentId: string,
  userIds: readonly string[],
  change: (tx: Db) => Promise<Result>,
) => Promise<Result>;

export function createAdmission(prisma: PrismaClient, onUserArrived: readonly UserArrivedHook[]): AdmitUsers {
  return async (environmentId, userIds, change) => {
    const ids = { environmentId, userIds };
    const { result, followUps } = await prisma.$transaction(async (tx) => {
      for (const hook of onUserArrived) await hook.before(tx, ids);
      const changed = await change(tx);
      const afterCommit: (() => Promise<void>)[] = [];
      for (const hook of onUserArrived) afterCommit.push(await hook.after(tx, ids));
      return { result: changed, followUps: afterCommit };
    });
    for (const followUp of followUps) await followUp();
    return result;
  };
}
