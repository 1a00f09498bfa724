import type Stripe from 'stripe';
import { audited } from '../audit/record.ts';
import { ownAuthor } from '../audit/rules.ts';
import type { Db } from '../database/client.ts';
import { isUniqueViolation } from '../database/errors.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { changeSubscriptions } from '../subscriptions/settle.ts';
import { heldStatuses } from '../subscriptions/status-rules.ts';
import { recount } from '../usage/ledger/store.ts';
import type { AdmitUsers } from '../users/arrival.ts';
import type { Connected } from './connection.ts';
import { type CustomerFacts, factsFrom, matchCustomer } from './match-rules.ts';
import type { Mirror } from './mirror-rules.ts';
import { readMappedPackages } from './price-store.ts';
import { changesOf, endsOf, type Flag, type ProjectionChange, project } from './projection-rules.ts';
import { type CustomerRead, readCustomer, readListed } from './read.ts';
import {
  attachCustomer,
  findCandidates,
  insertStored,
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
  return keep(context, connected, readNumber, await readListed(connected.stripe, customer));
}

async function keep(
  context: SyncContext,
  connected: Connected,
  readNumber: bigint,
  { facts, mirror }: CustomerRead,
): Promise<number> {
  const { prisma } = context;
  const { environmentId } = connected;
  const known = await saveAnswer(prisma, { environmentId, readNumber, isDeleted: facts === null, ...mirror });
  const count = mirror.subscriptions.length;
  if (known === null || known.isForgotten) return count;
  const userKey = await ownerOf(context, environmentId, { known: known.userKey, facts, mirror });
  if (userKey !== null) await projectUser(prisma, connected, userKey);
  return count;
}

interface Owned {
  known: bigint | null;
  facts: CustomerFacts | null;
  mirror: Mirror;
}

/** The user of a customer: the known one with what Stripe says of the customer, or the one who is found or created. */
async function ownerOf(
  context: SyncContext,
  environmentId: string,
  { known, facts, mirror: { customerId } }: Owned,
): Promise<bigint | null> {
  const { prisma } = context;
  // A deleted customer stays whose it was.
  if (facts === null) return known;
  if (known !== null) {
    await updateFacts(prisma, environmentId, known, facts);
    return known;
  }
  const match = matchCustomer(facts, await findCandidates(prisma, environmentId, facts));
  if (match.kind === 'several') {
    await saveFlags(
      prisma,
      environmentId,
      [customerId],
      [{ kind: 'SEVERAL_USERS', customerId, providerId: null }],
    );
    return null;
  }
  if (match.kind === 'create') {
    const created = await createUser(context, environmentId, facts, match.id);
    return attachCustomer(prisma, environmentId, customerId, created);
  }
  const owner = await attachCustomer(prisma, environmentId, customerId, match.user.key);
  if (owner !== null) await updateFacts(prisma, environmentId, owner, facts);
  return owner;
}

/** Creates an imported user. Events of Segment that wait for the id are taken up. */
async function createUser(
  { admitUsers }: SyncContext,
  environmentId: string,
  { id: billingId, email, name }: CustomerFacts,
  id: string,
): Promise<bigint> {
  const data = { environmentId, id, email, name, billingId, imported: true };
  const what = { action: 'importStripe', type: 'USER', handles: [] } as const;
  try {
    return await admitUsers(environmentId, [id], (tx) =>
      audited(
        tx,
        ownAuthor('SERVER', environmentId),
        what,
        async () => (await tx.user.create({ data, select: { key: true } })).key,
        (key) => [key],
      ),
    );
  } catch (error) {
    // A concurrent call created the user. The next try finds it.
    if (isUniqueViolation(error))
      throw new Error('a user of this customer was created concurrently', { cause: error });
    throw error;
  }
}

async function updateFacts(
  prisma: PrismaClient,
  environmentId: string,
  key: bigint,
  facts: CustomerFacts,
): Promise<void> {
  await prisma.$transaction(async (tx) => {
    const user = await tx.user.findUnique({ where: { key } });
    const data = user === null ? {} : factsFrom(facts, user);
    if (Object.keys(data).length === 0) return;
    const what = { action: 'importStripe', type: 'USER', handles: [key] } as const;
    await audited(tx, ownAuthor('SERVER', environmentId), what, () =>
      tx.user.update({ where: { key }, data }),
    );
  });
}

/** Brings the subscriptions of a user in line with what Stripe said of all customers of the user. */
export async function projectUser(
  prisma: PrismaClient,
  { environmentId, withholdsPaused }: Pick<Connected, 'environmentId' | 'withholdsPaused'>,
  key: bigint,
): Promise<void> {
  await changeSubscriptions(prisma, key, async (tx, { userKey, instant }) => {
    const mirrors = await readMirrors(tx, userKey);
    const stored = await readStored(tx, userKey);
    const projected = project(mirrors, {
      packages: await readMappedPackages(tx, environmentId, mirrors),
      byHand: await readByHand(tx, userKey),
      withholdsPaused,
      ends: endsOf(stored),
      now: instant,
    });
    await apply(tx, { environmentId, userKey }, changesOf(stored, projected.held, instant));
    await saveMirrorFlags(tx, environmentId, mirrors, projected.flags);
  });
}

const readByHand = (tx: Db, userKey: bigint) =>
  tx.subscription.findMany({
    where: { userKey, provider: null, status: { in: [...heldStatuses, 'SCHEDULED'] } },
    select: { packageId: true, isAddon: true },
  });

function saveMirrorFlags(tx: Db, environmentId: string, mirrors: readonly Mirror[], flags: readonly Flag[]) {
  const ids = mirrors.map(({ customerId }) => customerId);
  return saveFlags(tx, environmentId, ids, flags);
}

async function apply(
  tx: Db,
  { environmentId, userKey }: { environmentId: string; userKey: bigint },
  { update, insert }: ProjectionChange,
): Promise<void> {
  if (update.length + insert.length === 0) return;
  const what = { action: 'syncStripe', type: 'SUBSCRIPTION', handles: update.map(({ id }) => id) } as const;
  const write = async () => {
    for (const row of update) await updateStored(tx, userKey, row);
    const made: bigint[] = [];
    for (const row of insert) made.push(await insertStored(tx, environmentId, userKey, row));
    return made;
  };
  await audited(tx, ownAuthor('SERVER', environmentId), what, write, (made) => made);
  // They start and end at Stripe's instants, which may be long ago: usage since then counts.
  await recount(tx, userKey);
}
