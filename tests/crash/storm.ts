import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Allowances, allowanceSenders, emptyAllowances } from './allowances.ts';
import { type Attempt, createCaller, type Figures } from './caller.ts';
import { checked, createCatalogue, neighbourKey } from './catalogue.ts';
import { allFaults, disturbances, heldUser, longDisturbances, planFaults, postgresFaults } from './faults.ts';
import { createListening, type Listener, listeningSenders, startListener } from './listening.ts';
import { type Machine, startMachine } from './machine.ts';
import { startMigrating } from './migrating.ts';
import { createRandom } from './random.ts';
import { emptyJournal, type Journal, readStanding, startSenders, usageSenders } from './senders.ts';

export interface Settings {
  seed: number;
  faults: number;
  /** How long what is stopped stays stopped, in milliseconds. */
  pauseMs: number;
}

export interface Blow {
  kind: string;
  /** How long after the last process was back a usage was first recorded, in milliseconds. */
  recoveryMs: number;
}

export interface Storm {
  machine: Machine;
  key: string;
  journal: Journal;
  /** A migration of subscribers, which was started before the first fault. */
  migrationId: string;
  allowances: Allowances;
  /** The receiver of a webhook. */
  listener: Listener;
  figures: Figures;
  blows: Blow[];
  /** The longest that an attempt took while the server itself was not harmed, in milliseconds. */
  longestAnswerMs: number;
  /** The longest that an attempt took while something else was in the way, in milliseconds; see disturbances. */
  longestDisturbedMs: number;
  /** The same about other users, while one user's row was locked. */
  longestBesideHeldMs: number;
  /** The longest that this process itself was held up, in milliseconds: so much of an answer may be the machine's. */
  longestStallMs: number;
  /** What one process held before and after it outlived a row of faults of PostgreSQL. */
  holdings: { before: Holdings; after: Holdings };
}

type Holdings = Awaited<ReturnType<Machine['holdings']>>;

/** The part of the faults that one server process is to outlive. */
const endurance = 1 / 3;
/** From this pause on, a run is long; see longDisturbances. */
const longPauseMs = 5_000;
/** How many disturbances there are to a fault; each kind occurs once at least. */
const disturbed = 1 / 4;

/** Lets the load run while the machine is harmed again and again, and resolves when all calls are answered. */
export async function rage(
  { seed, faults, pauseMs }: Settings,
  tell: (line: string) => void,
): Promise<Storm> {
  const random = createRandom(seed);
  const fork = () => createRandom(random.between(0, 2 ** 31));
  const key = `prv_test_${'a'.repeat(32)}`;
  const machine = await startMachine({
    KANA_TEST_PRIVATE_KEY: key,
    KANA_LIVE_PRIVATE_KEY: neighbourKey,
    KANA_DEMO: 'false',
    WEBHOOK_ALLOW_PRIVATE: 'true',
    LOG_LEVEL: 'error',
  });
  await machine.serverAnswers();
  const caller = createCaller(machine.url, key, fork());
  const listener = await startListener(machine.dataDir);
  await createListening(caller, listener);
  await createCatalogue(caller);
  const migrationId = await startMigrating(caller);

  const stalls = monitorEventLoopDelay({ resolution: 20 });
  stalls.enable();
  const journal = emptyJournal();
  const allowances = emptyAllowances();
  const senders = [...usageSenders, ...allowanceSenders(allowances), ...listeningSenders];
  const stopHarassing = listener.harass(fork());
  const finish = startSenders(senders, caller, journal, fork);
  const blows: Blow[] = [];
  const harm: Span[] = [];
  const disturbance: (Span & { kind: string })[] = [];
  const enduring = Math.floor(faults * endurance);
  const ways = pauseMs < longPauseMs ? disturbances : { ...disturbances, ...longDisturbances };
  const disturbing = Math.max(Object.keys(ways).length, Math.floor(faults * disturbed));

  async function strike(kinds: typeof allFaults, count: number) {
    for (const [kind, fault] of planFaults(kinds, count, random)) {
      await sleep(random.between(500, 2_000));
      const began = Date.now();
      await fault(machine, random, pauseMs);
      const recoveryMs = await recover(machine, key);
      const span = { from: began, to: Date.now() };
      if (kind in ways) disturbance.push({ ...span, kind });
      else if (!(kind in postgresFaults)) harm.push(span);
      blows.push({ kind, recoveryMs });
      tell(`${blows.length}/${faults + disturbing} ${kind}: ${recoveryMs} ms`);
    }
  }
  await strike(allFaults, faults - enduring);
  await strike(ways, disturbing);
  await sleep(2_000);
  const before = await machine.holdings();
  await strike(postgresFaults, enduring);
  await sleep(2_000);
  const after = await machine.holdings();
  await finish();
  await stopHarassing();
  for (const [userId, featureId] of checked) await readStanding(caller, userId, featureId);

  stalls.disable();
  const { attempts } = caller.figures;
  const peaceful = attempts.filter((attempt) => !meets(attempt, harm));
  const beside = (kind: string) => disturbance.filter((each) => each.kind === kind);
  return {
    machine,
    key,
    journal,
    migrationId,
    allowances,
    listener,
    figures: caller.figures,
    blows,
    longestAnswerMs: longestOf(peaceful.filter((attempt) => !meets(attempt, disturbance))),
    longestDisturbedMs: longestOf(peaceful.filter((attempt) => meets(attempt, disturbance))),
    longestBesideHeldMs: longestOf(
      peaceful
        .filter((attempt) => meets(attempt, beside('row of a user locked by another')))
        .filter(({ variables }) => !JSON.stringify(variables).includes(`"${heldUser}"`)),
    ),
    longestStallMs: Math.round(stalls.max / 1e6),
    holdings: { before, after },
  };
}

interface Span {
  from: number;
  to: number;
}

const meets = ({ at, took }: Attempt, spans: readonly Span[]) =>
  spans.some(({ from, to }) => at < to && at + took > from);

const longestOf = (attempts: readonly Attempt[]) => Math.max(0, ...attempts.map(({ took }) => took));

/** Waits until usage is recorded again. Answers how long after the return of both processes that was. */
async function recover(machine: Machine, key: string): Promise<number> {
  const [recorded, ...returned] = await Promise.all([
    firstTime(() => recordOnce(machine.url, key)),
    firstTime(() => machine.postgres.query('select 1')),
    machine.serverAnswers().then(() => Date.now()),
  ]);
  return Math.max(0, recorded - Math.max(...returned));
}

async function firstTime(work: () => Promise<unknown>): Promise<number> {
  for (;;) {
    try {
      await work();
      return Date.now();
    } catch {
      await sleep(20);
    }
  }
}

/** A usage without a key, which may be recorded more than once: it is nobody's who is counted. */
async function recordOnce(url: string, key: string): Promise<void> {
  const query =
    'mutation { recordUsage(input: { userId: "moving-0", featureId: "calls", delta: 0 }) { recorded } }';
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { authorization: key, 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
    signal: AbortSignal.timeout(5_000),
  });
  const { data } = (await response.json()) as { data?: { recordUsage?: { recorded: boolean } } };
  if (data?.recordUsage?.recorded !== true) throw new Error('not recorded');
}
