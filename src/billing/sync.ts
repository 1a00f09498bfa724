import type Stripe from 'stripe';
import { audited } from '../audit/record.ts';
import { ownAuthor } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { changeSubscriptions } from '../subscriptions/settle.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { beginChange } from '../subscriptions/store.ts';
import { hasUsage, recount } from '../usage/ledger/store.ts';
import type { AdmitUsers } from '../users/arrival.ts';
import type { Connected } from './connection.ts';
import { settleDoubt } from './doubt-store.ts';
import { type CustomerFacts, factsFrom, matchCustomer, ownerAfterDoubt } from './match-rules.ts';
import { readMappedPackages } from './price-store.ts';
import { changesOf, endsOf, type Flag, type ProjectionChange, project } from './projection-rules.ts';
import { type CustomerRead, readCustomer, readListed } from './read.ts';
import {
  attachCustomer,
  type FlaggedMirror,
  findCandidates,
  insertStored,
  type KnownCustomer,
  nextReadNumber,
  readMirrors,
  readStored,
  saveAnswer,
  saveFlags,
  updateStored,
} from './store.ts';

/** What a sync works with, in one environment. */
export interface SyncContext {
  prisma: PrismaClient;
  admitUsers: AdmitUsers;
}

/**
 * Asks Stripe for a customer and everything the customer bought, stores it, finds or creates the user, and brings the
 * subscriptions here in line; see project. Whatever came first or twice: the last answer decides.
 *
 * @returns how many subscriptions Stripe has of the customer
 */
export async function syncCustomer(
  context: SyncContext,
  connected: Connected,
  customerId: string,
): Promise<number> {
  const readNumber = await nextReadNumber(context.prisma);
  const read = await readCustomer(connected.stripe, customerId);
  return read === null ? 0 : keep(context, connected, readNumber, read);
}

/**
 * The same for a customer whom Stripe has just listed.
 *
 * @param readNumber drawn before the list was asked for
 */
export async function syncListedCustomer(
  context: SyncContext,
  connected: Connected,
  customer: Stripe.Customer,
  readNumber: bigint,
): Promise<number> {
  const read = await readListed(connected.stripe, customer);
  return read === null ? 0 : keep(context, connected, readNumber, read);
}

async function keep(
  context: SyncContext,
  connected: Connected,
  readNumber: bigint,
  { facts, mirror }: CustomerRead,
): Promise<number> {
  const { prisma } = context;
  const { environmentId, accountId } = connected;
  const isDeleted = facts === null;
  const known = await saveAnswer(prisma, { environmentId, accountId, readNumber, isDeleted, ...mirror });
  const count = mirror.subscriptions.length;
  if (known === null) return count;
  const { userKey: present, isForgotten } = await resolveDoubt(context, connected, known, {
    customerId: mirror.customerId,
    facts,
  });
  if (isForgotten) return count;
  const userKey = present ?? (facts && (await findUser(context, connected, facts)));
  if (userKey === null) {
    // Nobody has to find the user of a customer who is gone.
    if (facts === null) await saveFlags(prisma, environmentId, [mirror.customerId], []);
    return count;
  }
  // A deleted customer stays whose it was.
  if (facts !== null) await updateFacts(prisma, environmentId, userKey, facts);
  await projectUser(prisma, connected, userKey);
  return count;
}

/**
 * Looks for the user of a customer again after somebody's billing id has changed, and takes the customer from a user who
 * is no longer the one. That user no longer holds what it pays.
 */
async function resolveDoubt(
  { prisma }: SyncContext,
  connected: Connected,
  known: KnownCustomer,
  { customerId, facts }: { customerId: string; facts: CustomerFacts | null },
): Promise<Pick<KnownCustomer, 'userKey' | 'isForgotten'>> {
  const { userKey, isForgotten, doubtedAt } = known;
  if (doubtedAt === null) return known;
  const { environmentId } = connected;
  const match = facts && matchCustomer(facts, await findCandidates(prisma, environmentId, facts));
  const next = ownerAfterDoubt(match, customerId, { userKey, isForgotten });
  const settle = (db: Db) => settleDoubt(db, environmentId, { customerId, doubtedAt }, next);
  if (userKey === null || userKey === next) await settle(prisma);
  else await projectUser(prisma, connected, userKey, { isForced: true, first: settle });
  return { userKey: next, isForgotten: isForgotten && next === null };
}

/** The user of a customer who has none yet. Null if one was created, with all that is held, or if nobody can be chosen. */
async function findUser(
  context: SyncContext,
  connected: Connected,
  facts: CustomerFacts,
): Promise<bigint | null> {
  const { prisma } = context;
  const { environmentId } = connected;
  const { id: customerId } = facts;
  const match = matchCustomer(facts, await findCandidates(prisma, environmentId, facts));
  if (match.kind === 'user') return attachCustomer(prisma, environmentId, customerId, match.user.key);
  if (match.kind === 'create') await createUser(context, connected, facts, match.id);
  else {
    const flag = { kind: 'SEVERAL_USERS', customerId, providerId: null } as const;
    await saveFlags(prisma, environmentId, [customerId], [flag]);
  }
  return null;
}

/**
 * Creates an imported user, with what the customer holds, in one transaction. Events of Segment that wait for the id are
 * taken up.
 */
async function createUser(
  { admitUsers }: SyncContext,
  connected: Connected,
  { id: billingId, email, name }: CustomerFacts,
  id: string,
): Promise<void> {
  const { environmentId } = connected;
  const data = { environmentId, id, email, name, billingId, imported: true };
  const what = { action: 'importStripe', type: 'USER', handles: [] } as const;
  const concurrently = (cause?: unknown) =>
    new Error('a user of this customer was created concurrently', { cause });
  try {
    await admitUsers(environmentId, [id], async (tx) => {
      const userKey = await audited(
        tx,
        ownAuthor('SERVER', environmentId),
        what,
        async () => (await tx.user.create({ data, select: { key: true } })).key,
        (key) => [key],
      );
      if ((await attachCustomer(tx, environmentId, billingId, userKey)) !== userKey) throw concurrently();
      const instant = await beginChange(tx, [userKey]);
      await write(tx, connected, userKey, await planProjection(tx, connected, userKey, instant, true));
    });
  } catch (error) {
    // A concurrent call created the user. The next try finds it.
    if (isUniqueViolation(error)) throw concurrently(error);
    throw error;
  }
}

async function updateFacts(
  prisma: PrismaClient,
  environmentId: string,
  key: bigint,
  facts: CustomerFacts,
): Promise<void> {
  const changesIn = async (db: Db) => {
    const user = await db.user.findUnique({ where: { key } });
    return user === null ? {} : factsFrom(facts, user);
  };
  // Mostly there is nothing to change.
  if (Object.keys(await changesIn(prisma)).length === 0) return;
  await prisma.$transaction(async (tx) => {
    const data = await changesIn(tx);
    if (Object.keys(data).length === 0) return;
    const what = { action: 'importStripe', type: 'USER', handles: [key] } as const;
    await audited(tx, ownAuthor('SERVER', environmentId), what, () =>
      tx.user.update({ where: { key }, data }),
    );
  });
}

type Projecting = Pick<Connected, 'environmentId' | 'withholdsPaused'>;

/**
 * Brings the subscriptions of a user in line with what Stripe said of all customers of the user. Most calls
 * change nothing, and need no lock. A change of anything that the projection reads must call this afterwards.
 *
 * @param isForced whether it counts as a change in any case; see order in change.ts
 * @param first what is changed before in the same transaction
 */
export async function projectUser(
  prisma: PrismaClient,
  connected: Projecting,
  key: bigint,
  { isForced = false, first }: { isForced?: boolean; first?: (tx: Db) => Promise<void> } = {},
): Promise<void> {
  if (!isForced && isEmpty(await planProjection(prisma, connected, key, new Date()))) return;
  await changeSubscriptions(prisma, key, async (tx, { userKey, instant }) => {
    await first?.(tx);
    await write(tx, connected, userKey, await planProjection(tx, connected, userKey, instant));
  });
}

interface Plan extends ProjectionChange {
  flags: Flag[];
  /** The customers whose flags change. */
  flaggedIds: string[];
}

const isEmpty = ({ update, insert, flaggedIds }: Plan) =>
  update.length + insert.length + flaggedIds.length === 0;

/** @param isNew whether the user has just been created, and has nothing yet */
async function planProjection(
  db: Db,
  { environmentId, withholdsPaused }: Projecting,
  userKey: bigint,
  now: Date,
  isNew = false,
): Promise<Plan> {
  const mirrors = await readMirrors(db, userKey);
  const stored = isNew ? [] : await readStored(db, userKey);
  const { held, flags } = project(mirrors, {
    packages: await readMappedPackages(db, environmentId, mirrors),
    byHand: isNew ? [] : await readByHand(db, userKey),
    withholdsPaused,
    ends: endsOf(stored),
    now,
  });
  const flaggedIds = mirrors.flatMap((mirror) => (hasFlags(mirror, flags) ? [] : [mirror.customerId]));
  return { ...changesOf(stored, held, now), flags, flaggedIds };
}

function hasFlags({ customerId, flags }: FlaggedMirror, wanted: readonly Flag[]): boolean {
  const textOf = (each: readonly Flag[]) =>
    each.map(({ kind, providerId }) => `${kind} ${providerId}`).join();
  return textOf(flags) === textOf(wanted.filter((flag) => flag.customerId === customerId));
}

/** What a user was given by hand, and holds or will hold. */
export const readByHand = (tx: Db, userKey: bigint) =>
  tx.subscription.findMany({
    where: { userKey, provider: null, status: { in: [...heldStatuses, 'SCHEDULED'] } },
    select: { packageId: true, isAddon: true },
  });

async function write(
  tx: Db,
  { environmentId }: Projecting,
  userKey: bigint,
  { update, insert, flags, flaggedIds }: Plan,
): Promise<void> {
  if (update.length + insert.length > 0) {
    const handles = update.map(({ id }) => id);
    const what = { action: 'syncStripe', type: 'SUBSCRIPTION', handles } as const;
    const change = async () => {
      for (const row of update) await updateStored(tx, userKey, row);
      return insertStored(tx, environmentId, userKey, insert);
    };
    await audited(tx, ownAuthor('SERVER', environmentId), what, change, (made) => made);
    // They start and end at Stripe's instants, which may be long ago: usage since then counts.
    if (await hasUsage(tx, userKey)) await recount(tx, userKey);
  }
  await saveFlags(tx, environmentId, flaggedIds, flags);
}
