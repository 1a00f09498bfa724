import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Caller } from './caller.ts';
import { checked, packages, users } from './catalogue.ts';
import type { Random } from './random.ts';

/** A usage as it was sent, and what the last answer said. */
export interface SentUsage {
  userId: string;
  featureId: string;
  action: 'ADD' | 'SET';
  delta: number;
  enforce: boolean;
  recorded: boolean;
}

/** All that was acknowledged. */
export interface Journal {
  /** By idempotency key. */
  usages: Map<string, SentUsage>;
  /** The package that each moving user was told to have. */
  moved: Map<string, string>;
  /** New users, and the package that each was told to have. */
  subscribed: Map<string, string>;
  /** What became of Segment events, by message id. */
  events: Map<string, { userId: string; outcome: string }>;
  /** Answers that no call should have got. */
  surprises: string[];
}

export const emptyJournal = (): Journal => ({
  usages: new Map(),
  moved: new Map(),
  subscribed: new Map(),
  events: new Map(),
  surprises: [],
});

/** Makes one call and notes its answer in the journal. `turn` is unique among the sender's calls. */
export type Sender = (caller: Caller, journal: Journal, random: Random, turn: string) => Promise<void>;

const standing = 'access consumption { used budget }';
/** Recording is another statement where the caller asks where the user stands afterwards. */
const recordOne = [
  'mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded reason duplicate } }',
  `mutation ($input: CreateUsageEventInput!) {
    recordUsage(input: $input) { recorded reason duplicate entitlement { ${standing} } }
  }`,
];
const recordMany = `mutation ($input: [CreateUsageEventInput!]!) {
  recordUsages(input: $input) { recorded reason duplicate error { code message } }
}`;

function note(journal: Journal, key: string, usage: Omit<SentUsage, 'recorded'>, result: Answer): void {
  const refused = usage.enforce && result?.recorded === false && typeof result.reason === 'string';
  if (result?.recorded !== true && !refused)
    journal.surprises.push(`${key} ${JSON.stringify(usage)}: ${JSON.stringify(result)}`);
  journal.usages.set(key, { ...usage, recorded: result?.recorded === true });
}

export async function sendUsage(
  caller: Caller,
  journal: Journal,
  key: string,
  usage: Omit<SentUsage, 'recorded'>,
) {
  const query = recordOne[Math.abs(usage.delta) % 2] as string;
  const { data, error } = await caller.call(query, { input: { ...usage, idempotencyKey: key } });
  note(journal, key, usage, data?.recordUsage ?? error);
}

/** Now and then one that had its answer is sent again: a kill between a commit and its answer is rare. */
const plain: Sender = async (caller, journal, random, turn) => {
  const usage = {
    userId: random.pick([...users.plain, ...users.moving]),
    featureId: random.pick(['calls', 'seats']),
    action: 'ADD' as const,
    delta: random.between(-2, 9),
    enforce: false,
  };
  await sendUsage(caller, journal, turn, usage);
  if (random.between(1, 20) === 1) await sendUsage(caller, journal, turn, usage);
};

const set: Sender = (caller, journal, random, turn) =>
  sendUsage(caller, journal, turn, {
    userId: random.pick([...users.plain, ...users.moving]),
    featureId: 'seats',
    action: 'SET',
    delta: random.between(0, 100),
    enforce: false,
  });

/** Now and then something is given back, so that there is always a rest to race for. */
const enforced: Sender = (caller, journal, random, turn) =>
  sendUsage(caller, journal, turn, {
    userId: random.pick(users.limited),
    featureId: 'credits',
    action: 'ADD',
    delta: random.between(1, 4) === 1 ? random.between(-20, -1) : random.between(1, 9),
    enforce: true,
  });

/** The first delta of usages without a key: more than any other, so that the ledger tells each of them. */
export const firstLoose = 10_000;

/** A usage without a key is sent once: sent again, it might count again. */
const loose: Sender = async (caller, _journal, random, turn) => {
  const userId = random.pick(users.plain);
  const delta = firstLoose + Number(turn.split('-').at(-1));
  await caller.attempt(recordOne[0] as string, { input: { userId, featureId: 'calls', delta } });
};

/** Asks the server where a user stands. */
export async function readStanding(caller: Caller, userId: string, featureId: string, delta = 1) {
  await caller.call(
    `query ($userId: String!, $featureId: String!, $delta: Int) {
      canUseFeature(userId: $userId, featureId: $featureId, delta: $delta) { ${standing} }
    }`,
    { userId, featureId, delta },
  );
}

const read: Sender = async (caller, _journal, random) => {
  const [userId, featureId] = random.pick(checked);
  await readStanding(caller, userId, featureId, random.between(0, 5));
};

const list: Sender = async (caller, journal, random, turn) => {
  const usages = Array.from({ length: random.between(2, 20) }, () => ({
    userId: random.pick(users.plain),
    featureId: random.pick(['calls', 'seats']),
    action: 'ADD' as const,
    delta: random.between(0, 9),
    enforce: false,
  }));
  await sendList(
    caller,
    journal,
    usages.map((usage, index) => [`${turn}-${index}`, usage]),
  );
};

type Keyed = [key: string, usage: Omit<SentUsage, 'recorded'>];

/** What could not be judged, while others of the list could, is sent again. */
export async function sendList(caller: Caller, journal: Journal, usages: readonly Keyed[]): Promise<void> {
  const input = usages.map(([idempotencyKey, usage]) => ({ ...usage, idempotencyKey }));
  const { data, error } = await caller.call(recordMany, { input });
  const results = usages.map((_, index) => data?.recordUsages[index] ?? error);
  const isUnjudged = (index: number) => results[index]?.error?.code === 'SERVICE_UNAVAILABLE';
  for (const [index, [key, usage]] of usages.entries())
    if (!isUnjudged(index)) note(journal, key, usage, results[index]);
  const again = usages.filter((_, index) => isUnjudged(index));
  if (again.length > 0) await sendList(caller, journal, again);
}

/** Changing to a package that the user has already is an error, which says that an earlier attempt has succeeded. */
const move: Sender = async (caller, journal, random, turn) => {
  // Each user has one sender, so that the last answer is the last change.
  const mine = users.moving.filter((_, index) => turn.startsWith(`move-${index % moverCount}-`));
  const userId = random.pick(mine);
  const packageId = packages.find((each) => each !== (journal.moved.get(userId) ?? packages[0])) ?? '';
  const { error } = await caller.call(
    'mutation ($userId: String!, $packageId: String!) { changePackage(userId: $userId, packageId: $packageId) { subscription { id } } }',
    { userId, packageId },
  );
  if (error !== null && !/already/.test(error.message))
    journal.surprises.push(`changePackage: ${error.message}`);
  journal.moved.set(userId, packageId);
};

/** The same holds for creating a user and for subscribing. */
const subscribe: Sender = async (caller, journal, random, turn) => {
  const packageId = random.pick(packages);
  const created = await caller.call('mutation ($id: String!) { createUser(input: { id: $id }) { id } }', {
    id: turn,
  });
  if (created.error !== null && created.error.code !== 'CONFLICT')
    journal.surprises.push(`createUser: ${created.error.message}`);
  const { error } = await caller.call(
    'mutation ($id: String!, $packageIds: [String!]!) { subscribe(userId: $id, packageIds: $packageIds) { id } }',
    { id: turn, packageIds: [packageId] },
  );
  if (error !== null && error.message !== 'Cannot subscribe to multiple tiers')
    journal.surprises.push(`subscribe: ${error.message}`);
  journal.subscribed.set(turn, packageId);
};

/** Half of the events wait for a rule, which comes after the storm. */
const track: Sender = async (caller, journal, random, turn) => {
  const userId = random.pick(users.plain);
  const named = random.between(0, 1) === 1;
  const event = {
    type: 'track',
    messageId: turn,
    userId,
    event: 'Called',
    ...(named ? { properties: { featureId: 'calls' } } : {}),
  };
  const { data, error } = await caller.call(
    'mutation ($event: JSON!) { ingestSegmentEvent(event: $event) { outcome firstOutcome } }',
    { event },
  );
  const outcome = data?.ingestSegmentEvent?.firstOutcome;
  if (outcome !== (named ? 'RECORDED' : 'UNMATCHED'))
    journal.surprises.push(`ingestSegmentEvent: ${outcome ?? error?.message}`);
  journal.events.set(turn, { userId, outcome });
};

const moverCount = 2;

export const usageSenders: [string, Sender, number][] = [
  ['plain', plain, 6],
  ['list', list, 2],
  ['set', set, 2],
  ['enforced', enforced, 4],
  ['loose', loose, 1],
  ['read', read, 4],
  ['move', move, moverCount],
  ['subscribe', subscribe, 1],
  ['track', track, 1],
];

/** How long a sender thinks between two calls at most, in milliseconds. */
const thought = 60;

/** Starts these senders, each so many times. The answered function lets each finish its call, and resolves when all have. */
export function startSenders(
  senders: readonly [string, Sender, number][],
  caller: Caller,
  journal: Journal,
  createRandom: () => Random,
): () => Promise<void> {
  let isOver = false;
  async function run(name: string, send: Sender, random: Random) {
    for (let turn = 0; !isOver; turn += 1) {
      await send(caller, journal, random, `${name}-${turn}`);
      await sleep(random.between(0, thought));
    }
  }
  const running = senders.flatMap(([name, send, count]) =>
    Array.from({ length: count }, (_, index) => run(`${name}-${index}`, send, createRandom())),
  );
  return async () => {
    isOver = true;
    await Promise.all(running);
  };
}
