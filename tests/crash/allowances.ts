import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Caller } from './caller.ts';
import { hardLimit, users } from './catalogue.ts';
import type { Postgres } from './postgres.ts';
import { type Sender, sendUsage } from './senders.ts';

// Top-ups, and reservations: what is drawn and held while the machine is harmed.

/** What became of a reservation, as its sender was told. */
export interface SentReservation {
  userId: string;
  amount: number;
  /** Null if it was refused. */
  id: string | null;
  end: 'OPEN' | 'RELEASED' | { committed: number };
}

/** All that was acknowledged, by idempotency key. */
export interface Allowances {
  topUps: Map<string, { userId: string; amount: number; isVoid: boolean }>;
  reservations: Map<string, SentReservation>;
  /** What was given back, so that there is always a rest to race for. */
  givenBack: Map<string, { userId: string; delta: number }>;
  surprises: string[];
}

export const emptyAllowances = (): Allowances => ({
  topUps: new Map(),
  reservations: new Map(),
  givenBack: new Map(),
  surprises: [],
});

/** Sends until it is answered; an error is a surprise. */
async function ask(
  caller: Caller,
  { surprises }: Allowances,
  query: string,
  variables: object,
): Promise<Answer> {
  const { data, error } = await caller.call(query, variables);
  if (error !== null) surprises.push(`${query}: ${error.message}`);
  return data;
}

const topUpWith =
  (sent: Allowances): Sender =>
  async (caller, _journal, random, turn) => {
    const input = { userId: random.pick(users.topped), featureId: 'tokens', amount: random.between(1, 9) };
    const data = await ask(caller, sent, 'mutation ($input: TopUpInput!) { topUp(input: $input) { id } }', {
      input: { ...input, idempotencyKey: turn },
    });
    const isVoid = random.between(1, 5) === 1;
    sent.topUps.set(turn, { userId: input.userId, amount: input.amount, isVoid });
    if (isVoid && data?.topUp)
      await ask(caller, sent, 'mutation ($id: String!) { voidTopUp(id: $id) { id } }', { id: data.topUp.id });
    await sleep(random.between(0, 500));
  };

const reserveQuery = `mutation ($input: ReserveUsageInput!) {
  reserveUsage(input: $input) { reserved reason id }
}`;
const commitQuery = `mutation ($id: String!, $amount: Amount!) {
  commitReservation(id: $id, amount: $amount) { recorded }
}`;
const releaseQuery = 'mutation ($id: String!) { releaseReservation(id: $id) { reserved } }';

/** A reservation is committed, released, or left to lapse, soon or after the storm. */
const reserveWith =
  (sent: Allowances): Sender =>
  async (caller, journal, random, turn) => {
    const userId = random.pick(users.reserving);
    const amount = random.between(5, 20);
    const fate = random.between(1, 10);
    const ttlSeconds = fate === 1 ? 1 : 3_600;
    const input = { userId, featureId: 'tokens', amount, ttlSeconds, idempotencyKey: turn };
    const data = await ask(caller, sent, reserveQuery, { input });
    const id: string | null = data?.reserveUsage?.id ?? null;
    const made: SentReservation = { userId, amount, id, end: 'OPEN' };
    sent.reservations.set(turn, made);
    if (id === null || fate === 1 || (fate === 2 && random.between(1, 10) === 1)) return;
    await sleep(random.between(0, 200));
    if (fate < 5) {
      await ask(caller, sent, releaseQuery, { id });
      made.end = 'RELEASED';
      return;
    }
    const used = random.between(0, amount);
    await ask(caller, sent, commitQuery, { id, amount: used });
    made.end = { committed: used };
    const delta = -used;
    const key = `${turn} back`;
    await sendUsage(caller, journal, key, {
      userId,
      featureId: 'tokens',
      action: 'ADD',
      delta,
      enforce: false,
    });
    sent.givenBack.set(key, { userId, delta });
  };

/** Usage of users with top-ups, in races for what remains. */
const draw: Sender = (caller, journal, random, turn) =>
  sendUsage(caller, journal, turn, {
    userId: random.pick(users.topped),
    featureId: 'tokens',
    action: 'ADD',
    delta: random.between(1, 4) === 1 ? random.between(-20, -1) : random.between(1, 9),
    enforce: true,
  });

export const allowanceSenders = (sent: Allowances): [string, Sender, number][] => [
  ['top-up', topUpWith(sent), 1],
  ['draw', draw, 3],
  ['reserve', reserveWith(sent), 4],
];

/** What the database says that contradicts what was acknowledged. */
export async function findContradictions(postgres: Postgres, sent: Allowances): Promise<string[]> {
  const ids = (kind: 'topped' | 'reserving') => users[kind].map((id) => `'${id}'`).join(', ');
  const topUps = await postgres.query(
    `select t.idempotency_key as key, u.id as "userId", t.amount::integer as amount, t.voided_at is not null as "isVoid"
     from top_up t join "user" u on u.key = t.user_key where t.feature_id = 'tokens'`,
  );
  const reservations = await postgres.query(
    `select r.idempotency_key as key, r.id::text as id, u.id as "userId", r.amount::integer as amount,
       r.committed::integer as committed, r.released_at is not null as "isReleased"
     from reservation r join "user" u on u.key = r.user_key where r.feature_id = 'tokens'`,
  );
  const ledger = await postgres.query(
    `select u.id as "userId", e.delta::integer as delta from usage_event e join "user" u on u.key = e.user_key
     where e.feature_id = 'tokens' and u.id in (${ids('reserving')}) order by e.id`,
  );
  const uncovered = await postgres.query(
    `select u.id from usage_excess e join "user" u on u.key = e.user_key
     where e.top_up_id is null and u.id in (${ids('topped')})`,
  );
  const rowOf = ({ userId, amount, id, end }: SentReservation) => ({
    ...{ id, userId, amount },
    committed: typeof end === 'object' ? end.committed : null,
    isReleased: end === 'RELEASED',
  });
  const made = [...sent.reservations].filter(([, { id }]) => id !== null);
  return [
    ...differences('top-up', sent.topUps, topUps),
    ...differences('reservation', new Map(made.map(([key, each]) => [key, rowOf(each)])), reservations),
    ...usageBeyondReservations(sent, ledger),
    ...uncovered.map(({ id }) => `${id}: usage that was enforced is covered by no top-up`),
  ];
}

type Row = Record<string, unknown>;

function differences(kind: string, sent: ReadonlyMap<string, object>, rows: readonly Row[]): string[] {
  const stored = new Map(rows.map(({ key, ...row }) => [String(key), row]));
  const textOf = (row: object | undefined) => JSON.stringify(Object.entries(row ?? {}).sort());
  const keys = new Set([...sent.keys(), ...stored.keys()]);
  return [...keys].flatMap((key) => {
    const [told, found] = [textOf(sent.get(key)), textOf(stored.get(key))];
    return told === found ? [] : [`${kind} ${key}: told ${told}, stored ${found}`];
  });
}

/** Usage of these users is what was committed and given back; it never went over the limit, not even for a moment. */
function usageBeyondReservations(sent: Allowances, ledger: readonly Row[]): string[] {
  const used = new Map<string, number>();
  const over: string[] = [];
  for (const { userId, delta } of ledger) {
    const after = (used.get(String(userId)) ?? 0) + Number(delta);
    used.set(String(userId), after);
    if (after > hardLimit) over.push(`${userId}: ${after} used of ${hardLimit}`);
  }
  const expected = new Map<string, number>();
  for (const { userId, end } of sent.reservations.values())
    expected.set(userId, (expected.get(userId) ?? 0) + (typeof end === 'object' ? end.committed : 0));
  for (const { userId, delta } of sent.givenBack.values())
    expected.set(userId, (expected.get(userId) ?? 0) + delta);
  const wrong = users.reserving.filter((id) => (used.get(id) ?? 0) !== (expected.get(id) ?? 0));
  return [...over, ...wrong.map((id) => `${id}: ledger ${used.get(id)}, acknowledged ${expected.get(id)}`)];
}
