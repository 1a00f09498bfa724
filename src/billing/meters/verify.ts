import type { Pool, PoolClient } from 'pg';
import { type Amount, amountOf, amountText, sumOf } from '../../amount.ts';
import { transaction } from '../../database/transaction.ts';
import { nextUsers } from '../../usage/ledger/verify-store.ts';
import type { Connected } from '../connection.ts';
import { withRetries } from '../stripe.ts';
import { baseOf, beginWindow, useSent } from './rules.ts';
import { firstOfEach, meterUsages, nameOf, type OpenWindow } from './send.ts';
import { findBatchEndOf, readUsagesOf, type UsageRow, type UserRange } from './store.ts';
import {
  type ComparedMeter,
  findComparedIds,
  readComparedMeters,
  readMade,
  readTakenSums,
  type TakenSum,
} from './verify-store.ts';
import { type FoundWindow, foldWindows, type KnownWindow, readWindows } from './window-store.ts';

const usersAtOnce = 100;
const usagesAtOnce = 5_000;
const sumsAtOnce = 100;
/** Sent rows are kept a little longer; see cleanUpMeters. */
const keptDays = 55;

/** Receives one line for each. */
export interface MeterReport {
  /** What differs. */
  print(line: string): void;
  /** What is worth to know, and right. */
  note(line: string): void;
}

/**
 * Compares the usage of the last 30 days in the ledger with what was made of it for meters, by windows: of each window what
 * was used since it was last added up anew. Left out is
 *
 * - a window of a user whose subscriptions have changed since: which usage counted then is not known any more;
 * - a window in which top-ups paid, and that began before: what they had paid by then is not known any more.
 *
 * Usage that is not sent, because the server did not know of the subscription or of the meter, is no difference: it is
 * noted.
 */
export async function compareWithLedger(
  work: Pool,
  { environmentId }: Connected,
  report: MeterReport,
): Promise<void> {
  const client = await work.connect();
  try {
    const ids = await findComparedIds(client, environmentId);
    if (ids === null) return;
    let users = await nextUsers(work, 0n, usersAtOnce);
    while (users !== null) {
      const range = users;
      await transaction(client, async () => {
        // What is counted and what was saved are of one instant.
        await client.query('set transaction isolation level repeatable read read only');
        await compareUsers({ client, environmentId, users: range, ids, report });
      });
      users = await nextUsers(work, users.last, usersAtOnce);
    }
  } finally {
    client.release();
  }
}

/** A window of a user while its usage is gone through. */
interface Compared extends OpenWindow {
  /** What was billable before, and is not sent. */
  base: Amount;
  expected: Amount;
  made: Amount;
  isComparable: boolean;
}

/** A window of which nothing is known as of now. */
interface Unseen {
  usage: UsageRow;
  isKnown: boolean;
}

interface Comparing {
  client: PoolClient;
  environmentId: string;
  users: UserRange;
  ids: { after: bigint; upTo: bigint };
  report: MeterReport;
}

async function compareUsers(comparing: Comparing): Promise<void> {
  const { client, environmentId, users, ids, report } = comparing;
  const windows = new Map<string, Compared>();
  const unseen = new Map<string, Unseen>();
  for (let after = ids.after; after < ids.upTo; ) {
    const end = await findBatchEndOf(client, users, { after, upTo: ids.upTo, count: usagesAtOnce });
    const usages = await readUsagesOf(client, environmentId, users, { after, upTo: end });
    await beginWindows(comparing, usages, windows, unseen);
    const made =
      usages.length === 0 ? null : await readMade(client, environmentId, users, { after, upTo: end });
    const looked = usages.filter((usage) => usage.id > (windows.get(nameOf(usage))?.sinceId ?? usage.id));
    for (const { usage, value } of meterUsages(looked, windows))
      add(windows.get(nameOf(usage)), { expected: value });
    for (const usage of looked)
      add(windows.get(nameOf(usage)), { made: made?.get(`${usage.id} ${usage.packageId}`) ?? 0n });
    // Of a window that was never looked at, the last usage tells whether it should have been.
    for (const usage of usages) {
      const known = unseen.get(nameOf(usage));
      if (known !== undefined) known.usage = usage;
    }
    after = end;
  }
  for (const window of windows.values()) compareWindow(window, report);
  nameUnseen(windows, unseen, report);
}

function add(
  window: Compared | undefined,
  { expected = 0n, made = 0n }: { expected?: Amount; made?: Amount },
) {
  if (window === undefined) return;
  window.expected += expected;
  window.made += made;
}

function compareWindow({ last, expected, made, base, isComparable }: Compared, report: MeterReport): void {
  if (isComparable && expected !== made)
    report.print(
      `${windowText(last)}: by the ledger ${amountText(expected)} for the meter ${last.eventName}, made ${amountText(made)}`,
    );
  if (isComparable && base > 0n)
    report.note(
      `${windowText(last)}: ${amountText(base)} not sent to the meter ${last.eventName}, used before the subscription or the meter was known here`,
    );
}

/** Usage after the first one that was looked at, with what is known now, was looked at too. */
function nameUnseen(
  windows: ReadonlyMap<string, Compared>,
  unseen: ReadonlyMap<string, Unseen>,
  report: MeterReport,
): void {
  const lookedSince = new Map<bigint, bigint>();
  for (const { last, sinceId } of windows.values()) {
    const since = lookedSince.get(last.userKey);
    if (since === undefined || sinceId < since) lookedSince.set(last.userKey, sinceId);
  }
  for (const { usage, isKnown } of unseen.values()) {
    const since = lookedSince.get(usage.userKey);
    if (since !== undefined && usage.id > since)
      report.print(
        `${windowText(usage)}: the usage ${usage.id} was not looked at for the meter ${usage.eventName}`,
      );
    else if (!isKnown)
      report.note(
        `${windowText(usage)}: nothing sent to the meter ${usage.eventName}, used before the subscription or the meter was known here`,
      );
  }
}

const windowText = ({ userKey, packageId, featureId, windowStart }: UsageRow) =>
  `user key ${userKey}, package ${packageId}, feature ${featureId}, window from ${windowStart.toISOString()}`;

/** Adds the windows that begin with these usages. */
async function beginWindows(
  { client, environmentId, ids }: Comparing,
  usages: readonly UsageRow[],
  windows: Map<string, Compared>,
  unseen: Map<string, Unseen>,
): Promise<void> {
  const isNew = (usage: UsageRow) => !windows.has(nameOf(usage)) && !unseen.has(nameOf(usage));
  const firsts = firstOfEach(usages).filter(isNew);
  const found = await readWindows(client, environmentId, firsts);
  const known = firsts.flatMap((usage, index) => {
    const row = found[index]?.known ?? null;
    if (row?.revision === usage.revision) return [{ usage, row }];
    unseen.set(nameOf(usage), { usage, isKnown: row !== null });
    return [];
  });
  const foldAfter = (pairs: typeof known, idOf: (row: KnownWindow) => bigint) =>
    foldWindows(
      client,
      pairs.map(({ usage, row }) => ({ ...usage, id: idOf(row) + 1n })),
    );
  const folded = await foldAfter(known, ({ sinceId }) => sinceId);
  const cut = known.filter(({ row }) => row.sinceId < ids.after);
  const foldedLater = await foldAfter(cut, () => ids.after);
  for (const [index, { usage, row }] of known.entries()) {
    const { folded: since, drawnNow } = folded[index] ?? nothing;
    const before = beginWindow({ used: since?.used ?? 0n, sent: row.sentBefore }, usage, drawnNow);
    const base = baseOf(before, usage);
    const later = foldedLater[cut.findIndex((each) => each.usage === usage)]?.folded;
    const window = later == null ? before : useSent(before, later.used, usage, drawnNow);
    windows.set(nameOf(usage), {
      ...{ ...window, sinceId: row.sinceId, sentBefore: row.sentBefore, drawnNow, last: usage },
      ...{ base, expected: 0n, made: 0n },
      // A base may have been lowered before the comparison begins.
      isComparable: (window.used === 0n || drawnNow === 0n) && (later == null || base <= 0n),
    });
  }
}

const nothing: FoundWindow = { known: null, folded: null, drawnNow: 0n };

/**
 * Compares what Stripe has taken with what its meters say, by customers. Stripe adds up a little later: usage of the last
 * hour is left out.
 */
export async function compareWithMeters(
  work: Pool,
  { environmentId, stripe }: Connected,
  stop: AbortSignal,
  { print }: MeterReport,
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
