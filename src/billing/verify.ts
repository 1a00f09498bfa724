import type { Database } from '../database/client.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Connected } from './connection.ts';
import { compareWithLedger, compareWithMeters, type MeterReport } from './meters/verify.ts';
import type { Mirror } from './mirror-rules.ts';
import { readMappedPackages } from './price-store.ts';
import { endsOf, project } from './projection-rules.ts';
import { type Cursor, type CustomerPage, cursorOf, listCustomers, pageSize, readPurchases } from './read.ts';
import { readStored } from './store.ts';
import { withRetries } from './stripe.ts';
import { readByHand } from './sync.ts';
import { flagDifferences, subscriptionDifferences } from './verify-rules.ts';
import { customersOf, findKnownCustomers, nextCustomers } from './verify-store.ts';

/** As many as in an import. */
const usersAtOnce = 4;

interface Report extends MeterReport {
  progress(done: number, total: number): void;
  stop: AbortSignal;
}

/**
 * Compares what is held here with what Stripe says now: reads everything from Stripe anew, and stores nothing. A user
 * whose data differ is looked at twice, because an event may just be on its way.
 *
 * @returns how many customers were compared
 */
export async function verifyStripe(
  { prisma, work }: Pick<Database, 'prisma' | 'work'>,
  connected: Connected,
  { print, note, progress, stop }: Report,
): Promise<number> {
  const { environmentId } = connected;
  for (const id of await findUnknown(prisma, connected, stop))
    print(`customer ${id}: Stripe has it, and nothing is known of it here`);
  const total = await prisma.stripeCustomer.count({ where: { environmentId } });
  let done = 0;
  let after = '';
  for (;;) {
    const page = await nextCustomers(prisma, environmentId, { after, take: pageSize });
    for (let index = 0; index < page.length; index += usersAtOnce) {
      const group = page.slice(index, index + usersAtOnce);
      const found = await Promise.all(group.map((each) => compareOwner(prisma, connected, each, stop)));
      for (const line of found.flat()) print(line);
      done += group.length;
      progress(done, total);
    }
    if (page.length < pageSize) break;
    after = page.at(-1)?.id ?? after;
  }
  progress(total, total);
  await compareWithLedger(work, connected, { print, note });
  await compareWithMeters(work, connected, stop, { print, note });
  return done;
}

/** The customers of Stripe's list that are not known here. */
async function findUnknown(
  prisma: PrismaClient,
  { environmentId, stripe }: Connected,
  stop: AbortSignal,
): Promise<string[]> {
  const unknown: string[] = [];
  let cursor: Cursor | null = null;
  for (;;) {
    const from: Cursor | null = cursor;
    const { data, has_more }: CustomerPage = await withRetries(stop, () => listCustomers(stripe, from));
    const ids = data.map(({ id }) => id);
    const known = await findKnownCustomers(prisma, environmentId, ids);
    unknown.push(...ids.filter((id) => !known.has(id)));
    if (!has_more) return unknown;
    const last = data.at(-1);
    cursor = last === undefined ? null : cursorOf(last);
  }
}

type Listed = Awaited<ReturnType<typeof nextCustomers>>[number];

/** Compares the user of a customer, with the first customer of the user only. */
async function compareOwner(
  prisma: PrismaClient,
  connected: Connected,
  { id, owner, flags }: Listed,
  stop: AbortSignal,
): Promise<string[]> {
  if (owner === null)
    return flags.some(({ kind }) => kind === 'SEVERAL_USERS') ? [] : compareUnowned(connected, id, stop);
  const [first] = await customersOf(prisma, owner);
  if (first?.id !== id) return [];
  const differences = await compareUser(prisma, connected, owner, stop);
  return differences.length === 0 ? [] : compareUser(prisma, connected, owner, stop);
}

/** A customer without a user is right only if nothing was ever bought. */
async function compareUnowned({ stripe }: Connected, id: string, stop: AbortSignal): Promise<string[]> {
  const { mirror } = await withRetries(stop, () => readPurchases(stripe, id));
  return mirror.subscriptions.length + mirror.payments.length === 0
    ? []
    : [`customer ${id}: has bought something at Stripe, and has no user here`];
}

async function compareUser(
  prisma: PrismaClient,
  { environmentId, stripe, withholdsPaused }: Connected,
  userKey: bigint,
  stop: AbortSignal,
): Promise<string[]> {
  const customers = await customersOf(prisma, userKey);
  const mirrors: Mirror[] = [];
  for (const { id } of customers)
    mirrors.push((await withRetries(stop, () => readPurchases(stripe, id))).mirror);
  const now = new Date();
  const stored = await readStored(prisma, userKey);
  const { held, flags } = project(mirrors, {
    packages: await readMappedPackages(prisma, environmentId, mirrors),
    byHand: await readByHand(prisma, userKey),
    ends: endsOf(stored),
    withholdsPaused,
    now,
  });
  return [
    ...subscriptionDifferences(stored, held, now).map((line) => `user key ${userKey}, ${line}`),
    ...customers.flatMap((each) => flagDifferences(each.id, each.flags, flags)),
  ];
}
