import type { Amount } from '../../amount.ts';
import { amountText } from '../../amount.ts';
import type { PrismaClient } from '../../database/generated/client.ts';
import { inTransaction } from '../../database/transaction.ts';
import type { JobContext } from '../../jobs/queue.ts';
import { settledId } from '../../usage/rollup/rollup.ts';
import type { Connected } from '../connection.ts';
import { isStripeFailure, reasonOf, type StripeFailure } from '../stripe.ts';
import { beginWindow, identifierOf, isRepeatable, meterUsage, useUnsent } from './rules.ts';
import {
  beginSending,
  type DueEvent,
  delayEvent,
  noteFailed,
  noteSent,
  releaseUnsent,
} from './sending-store.ts';
import { addEvents, findBatchEnd, lockProgress, readUsages, saveProgress, type UsageRow } from './store.ts';
import { type FoundWindow, type KnownWindow, readWindows, saveWindows } from './window-store.ts';

const eventsAtOnce = 1_000;
const sentAtOnce = 200;
/** Stripe takes one event of a customer at a time for each meter. */
const customersAtOnce = 8;

/**
 * Follows the ledger and sends what meters are to know, until everything is sent or `until`.
 *
 * What is to be sent is written in the transaction that moves the cursor. It is sent afterwards, with the id of the ledger,
 * by which Stripe knows what it has already. So a process that is killed anywhere sends nothing twice and forgets
 * nothing.
 *
 * @returns whether there may be more
 */
export async function sendUsage(
  prisma: PrismaClient,
  connected: Connected,
  job: JobContext,
  until: number,
): Promise<boolean> {
  const upTo = await settled(job);
  let isBehind = upTo !== null;
  while (Date.now() < until && !job.stop.aborted) {
    if (upTo !== null && isBehind) isBehind = await readNext(job, connected.environmentId, upTo);
    const isMore = await sendNext(prisma, connected);
    if (!isBehind && !isMore) return false;
  }
  return true;
}

async function settled({ pool, stop }: JobContext): Promise<bigint | null> {
  const session = await pool.connect();
  try {
    return await settledId(session, stop);
  } finally {
    session.release();
  }
}

/** Reads the next events of the ledger, and writes what is to be sent. Returns whether there are more. */
function readNext({ pool }: JobContext, environmentId: string, upTo: bigint): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    const after = await lockProgress(client, environmentId);
    if (after === null || after >= upTo) return false;
    const end = await findBatchEnd(client, { after, upTo, count: eventsAtOnce });
    const usages = await readUsages(client, environmentId, { after, upTo: end });
    const firsts = firstOfEach(usages);
    const found = await readWindows(client, environmentId, firsts);
    const windows = new Map(
      firsts.flatMap((usage, index) => {
        const window = found[index];
        return window === undefined ? [] : [[nameOf(usage), goOn(usage, window)] as const];
      }),
    );
    const events = meterUsages(usages, windows);
    await saveWindows(client, environmentId, [...windows.values()]);
    await addEvents(client, environmentId, events);
    await saveProgress(client, environmentId, end);
    return end < upTo;
  });
}

export const nameOf = ({ subscriptionId, featureId, windowStart }: UsageRow) =>
  `${subscriptionId} ${windowStart.getTime()} ${featureId}`;

export function firstOfEach(usages: readonly UsageRow[]): UsageRow[] {
  const firsts = new Map<string, UsageRow>();
  for (const usage of usages) if (!firsts.has(nameOf(usage))) firsts.set(nameOf(usage), usage);
  return [...firsts.values()];
}

/** A window while usage is looked at, one after the other. */
export interface OpenWindow extends Omit<KnownWindow, 'revision'> {
  drawnNow: Amount;
  last: UsageRow;
}

/**
 * The window before its first usage that is looked at now. After a change of what the user's usage counts towards, it is
 * added up anew: usage that counts now and was not looked at is not sent.
 */
function goOn(first: UsageRow, { known, folded, drawnNow }: FoundWindow): OpenWindow {
  if (known !== null && folded === null) return { ...known, drawnNow, last: first };
  const { used, sent } = folded ?? { used: 0n, sent: 0n };
  const window =
    known === null
      ? beginWindow({ used, sent }, first, drawnNow)
      : useUnsent({ ...known, sent: known.sent + sent }, used, first, drawnNow);
  return { ...window, drawnNow, last: first, sinceId: first.id - 1n, sentBefore: window.sent };
}

/** A usage that is to be sent. */
export interface MeterValue {
  usage: UsageRow;
  value: Amount;
}

/**
 * What these usages are worth for their meters. Their windows move with them. A usage that counts in several packages
 * counts once for a meter: in the one that decides on the budget.
 */
export function meterUsages(
  usages: readonly UsageRow[],
  windows: ReadonlyMap<string, OpenWindow>,
): MeterValue[] {
  const made = new Map<string, Amount>();
  return usages.flatMap((usage) => {
    const window = windows.get(nameOf(usage));
    if (window === undefined) return [];
    const { value, after } = meterUsage(window, usage, window.drawnNow);
    const name = `${usage.id} ${usage.eventName}`;
    const once = made.get(name);
    Object.assign(window, after, { last: usage, sent: window.sent + (once ?? value) });
    if (value === 0n || once !== undefined) return [];
    made.set(name, value);
    return [{ usage, value }];
  });
}

/** What became of one event. Unavailable: Stripe cannot take any other one now. */
type Outcome = 'done' | 'unavailable';

/** Sends the next events that are due. Returns whether there may be more to send now. */
async function sendNext(prisma: PrismaClient, connected: Connected): Promise<boolean> {
  const { environmentId } = connected;
  const due = await beginSending(prisma, environmentId, sentAtOnce);
  const byCustomer = new Map<string, DueEvent[]>();
  for (const event of due)
    byCustomer.set(event.customerId, [...(byCustomer.get(event.customerId) ?? []), event]);
  const waiting = [...byCustomer.values()];
  const unsent = new Set(due);
  let outcome: Outcome = 'done';
  const sendAll = async () => {
    for (const event of takeFrom(waiting)) {
      if (outcome === 'unavailable') return;
      unsent.delete(event);
      if ((await sendOne(prisma, connected, event)) === 'unavailable') outcome = 'unavailable';
    }
  };
  await Promise.all(Array.from({ length: customersAtOnce }, sendAll));
  await releaseUnsent(prisma, environmentId, [...unsent]);
  return outcome === 'done' && due.length === sentAtOnce;
}

/** The events of one customer after another, until nothing waits. */
function* takeFrom(waiting: DueEvent[][]): Generator<DueEvent> {
  for (let events = waiting.shift(); events !== undefined; events = waiting.shift()) yield* events;
}

async function sendOne(
  prisma: PrismaClient,
  { environmentId, stripe }: Connected,
  event: DueEvent,
): Promise<Outcome> {
  const value = amountText(event.value);
  const refusal = refusalOf(event, value);
  if (refusal !== null) {
    await noteFailed(prisma, environmentId, event, refusal);
    return 'done';
  }
  try {
    await stripe.billing.meterEvents.create({
      event_name: event.eventName,
      identifier: identifierOf(event.id, event.packageId, event.isFirst),
      timestamp: Math.floor(event.occurredAt.getTime() / 1_000),
      payload: { [event.customerKey]: event.customerId, [event.valueKey]: value },
    });
  } catch (error) {
    if (!isStripeFailure(error)) throw error;
    if (!isKnownAlready(error)) return noteProblem(prisma, environmentId, event, error);
  }
  await noteSent(prisma, environmentId, event);
  return 'done';
}

function refusalOf({ triedAt }: DueEvent, value: string): string | null {
  if (value.includes('.')) return 'the usage is no whole number, and Stripe takes no others';
  return isRepeatable(triedAt, new Date()) ? null : 'Stripe did not answer for a day: it may have it or not';
}

/** Stripe refuses an identifier that it has: then it has the event. */
const isKnownAlready = ({ code, message }: StripeFailure) =>
  code === 'duplicate_meter_event' || message.includes('already exists with identifier');

async function noteProblem(
  prisma: PrismaClient,
  environmentId: string,
  event: DueEvent,
  error: StripeFailure,
): Promise<Outcome> {
  const problem = reasonOf(error);
  const { statusCode = 500 } = error;
  // A key without the right, too many questions and an outage concern all events: they wait.
  if (statusCode < 500 && ![401, 403, 429].includes(statusCode)) {
    await noteFailed(prisma, environmentId, event, problem);
    return 'done';
  }
  await delayEvent(prisma, environmentId, event, { problem, isUnheard: statusCode < 500 });
  return 'unavailable';
}
