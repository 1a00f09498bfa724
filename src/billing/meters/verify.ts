import type { Pool, PoolClient } from 'pg';
import { type Amount, amountOf, amountText, sumOf } from '../../amount.ts';
import { nextUsers } from '../../usage/ledger/verify-store.ts';
import type { Connected } from '../connection.ts';
import { withRetries } from '../stripe.ts';
import { meterUsage } from './rules.ts';
import { beginWindow, firstOfEach, nameOf, oncePerMeter } from './send.ts';
import { findBatchEndOf, foldWindows, readUsagesOf, type UsageRow, type UserRange } from './store.ts';
import {
  type ComparedMeter,
  findComparedIds,
  readComparedMeters,
  readMade,
  readTakenSums,
  type TakenSum,
} from './verify-store.ts';

const usersAtOnce = 100;
const usagesAtOnce = 5_000;
const sumsAtOnce = 100;
/** Sent rows are kept a little longer; see cleanUpMeters. */
const keptDays = 55;

/** Receives what differs, in one line each. */
export type Print = (line: string) => void;

/**
 * Compares the usage of the last 30 days in the ledger with what was made of it for meters, by windows. A window in which
 * top-ups paid, and that began before, is left out: what they had paid by then is not known any more.
 */
export async function compareWithLedger(
  work: Pool,
  { environmentId }: Connected,
  print: Print,
): Promise<void> {
  const client = await work.connect();
  try {
    const ids = await findComparedIds(client, environmentId);
    if (ids === null) return;
    let users = await nextUsers(work, 0n, usersAtOnce);
    while (users !== null) {
      await compareUsers(client, environmentId, users, ids, print);
      users = await nextUsers(work, users.last, usersAtOnce);
    }
  } finally {
    client.release();
  }
}

/** A window of a user while its usage is gone through. */
interface Compared {
  state: ReturnType<typeof beginWindow>;
  expected: Amount;
  made: Amount;
  isComparable: boolean;
}

async function compareUsers(
  client: PoolClient,
  environmentId: string,
  users: UserRange,
  { after: start, upTo }: { after: bigint; upTo: bigint },
  print: Print,
): Promise<void> {
  const windows = new Map<string, Compared>();
  for (let after = start; after < upTo; ) {
    const end = await findBatchEndOf(client, users, { after, upTo, count: usagesAtOnce });
    const usages = await readUsagesOf(client, environmentId, users, { after, upTo: end });
    const made =
      usages.length === 0 ? new Map() : await readMade(client, environmentId, users, { after, upTo: end });
    await beginWindows(client, windows, usages);
    const events = usages.flatMap((usage) => {
      const window = windows.get(nameOf(usage));
      if (window === undefined) return [];
      const { value, after: next } = meterUsage(window.state, usage, window.state.drawnNow);
      Object.assign(window.state, next, { last: usage });
      return [{ usage, window, value, made: made.get(`${usage.id} ${usage.packageId}`) ?? 0n }];
    });
    for (const { window, made: value } of events) window.made += value;
    for (const { window, value } of oncePerMeter(events.filter((event) => event.value !== 0n)))
      window.expected += value;
    after = end;
  }
  for (const { state, expected, made, isComparable } of windows.values())
    if (isComparable && expected !== made)
      print(
        `user key ${state.last.userKey}, package ${state.last.packageId}, feature ${state.last.featureId}, window from ${state.last.windowStart.toISOString()}: by the ledger ${amountText(expected)} for the meter ${state.last.eventName}, made ${amountText(made)}`,
      );
}

/** Adds the windows that begin with these usages. */
async function beginWindows(
  client: PoolClient,
  windows: Map<string, Compared>,
  usages: readonly UsageRow[],
): Promise<void> {
  const firsts = firstOfEach(usages).filter((usage) => !windows.has(nameOf(usage)));
  const folded = await foldWindows(client, firsts);
  for (const [index, usage] of firsts.entries()) {
    const state = beginWindow(usage, folded[index]);
    const isComparable = state.used === 0n || state.drawnNow === 0n;
    windows.set(nameOf(usage), { state, expected: 0n, made: 0n, isComparable });
  }
}

/**
 * Compares what Stripe has taken with what its meters say, by customers. Stripe adds up a little later: usage of the last
 * hour is left out.
 */
export async function compareWithMeters(
  work: Pool,
  { environmentId, stripe }: Connected,
  stop: AbortSignal,
  print: Print,
): Promise<void> {
  const meters = await readComparedMeters(work, environmentId, keptDays);
  if (meters.length === 0) return;
  const idsAtStripe = new Map<string, string>();
  for await (const meter of stripe.billing.meters.list({ status: 'active', limit: 100 }))
    idsAtStripe.set(meter.event_name, meter.id);
  const until = wholeMinute(Date.now() - 3_600_000);
  for (const meter of meters) {
    const id = idsAtStripe.get(meter.eventName);
    if (id === undefined) print(`the meter ${meter.eventName} is not active at Stripe`);
    else if (meter.since < until)
      for await (const { customerId, sum } of takenSums(work, environmentId, { ...meter, until })) {
        const range = { start_time: secondsOf(meter.since), end_time: secondsOf(until) };
        const { data } = await withRetries(stop, () =>
          stripe.billing.meters.listEventSummaries(id, { customer: customerId, limit: 100, ...range }),
        );
        const there = sumOf(data.map((each) => amountOf(each.aggregated_value)));
        if (there !== sum)
          print(
            `customer ${customerId}, meter ${meter.eventName}, usage from ${meter.since.toISOString()} to ${until.toISOString()}: sent ${amountText(sum)}, Stripe has ${amountText(there)}`,
          );
      }
  }
}

/** What Stripe has taken, customer by customer. */
async function* takenSums(
  work: Pool,
  environmentId: string,
  meter: ComparedMeter & { until: Date },
): AsyncGenerator<TakenSum> {
  let after = '';
  for (;;) {
    const sums = await readTakenSums(work, environmentId, meter, { after, take: sumsAtOnce });
    yield* sums;
    if (sums.length < sumsAtOnce) return;
    after = sums.at(-1)?.customerId ?? after;
  }
}

const wholeMinute = (timeMs: number) => new Date(Math.floor(timeMs / 60_000) * 60_000);
const secondsOf = (at: Date) => at.getTime() / 1_000;
