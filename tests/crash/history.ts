/*
 * Checks whether what was answered about one user and feature can be true: whether there is an order of all calls in
 * which each takes effect at one instant between its beginning and its end, and each answer is what the model says at
 * that instant. It is the algorithm of Wing and Gong, with a memory of what was tried, and it moves calls only when an
 * answer asks for it (Lowe, "Testing for linearizability"). The model is written anew here: it does not import the
 * rules that it judges.
 */

/** What a user may still do with a feature, as an answer tells it. */
export interface Reading {
  used: number;
  budget: number | null;
  /** The amount that `access` is about. */
  amount: number;
  access: boolean;
}

export type Answer =
  /** Duplicate null: the answer does not tell. The reading is the one right after this usage. */
  | { kind: 'recorded'; duplicate: boolean | null; reading: Reading | null }
  | { kind: 'refused'; reading: Reading | null }
  /** The key stands for another usage. */
  | { kind: 'conflict' }
  | { kind: 'read'; reading: Reading };

/** One attempt to record or to read, for one user and feature. */
export interface Operation {
  /** When it was sent and answered, in one count of events. An unknown outcome has no end: Infinity. */
  began: number;
  ended: number;
  action: 'ADD' | 'SET' | 'READ';
  delta: number;
  enforce: boolean;
  /** Attempts with one key record once. Without a key each attempt is a usage of its own. */
  key: string | null;
  /** Null: the outcome is unknown. It took effect at some instant after it began, or never. */
  answer: Answer | null;
}

/** The first answer that no order explains, and what was open then. */
export interface Violation {
  operation: Operation;
  /** The totals that were possible before. */
  totals: number[];
  open: Operation[];
  problem: 'impossible' | 'too many orders to try';
}

/** One way in which things can stand. Operations are named by their index. */
interface World {
  total: number;
  /** The open operations that have taken effect. */
  done: ReadonlySet<number>;
  /** Keys that are used in this world, and not in every other one, with the usage that they stand for. */
  keys: ReadonlyMap<string, string>;
}

const maxWorlds = 200_000;

const contentOf = ({ action, delta }: Operation) => `${action} ${delta}`;

/** Answers what is wrong with the history of one user and feature; null if it can be true. */
export function checkHistory(operations: readonly Operation[], limit: number | null): Violation | null {
  const open = new Map<number, Operation>();
  /** Keys that are used in every world. */
  const settled = new Map<string, string>();
  let worlds: World[] = [{ total: 0, done: new Set(), keys: new Map() }];

  const isAllowed = (total: number, { action, delta }: Operation) =>
    limit === null || delta < 0 || (action === 'SET' ? delta : total + delta) <= limit;
  const contentUnder = ({ keys }: World, key: string | null) =>
    key === null ? undefined : (settled.get(key) ?? keys.get(key));
  function isTrue(reading: Reading | null, total: number): boolean {
    if (reading === null) return true;
    const { used, budget, amount, access } = reading;
    const hasAccess = limit === null || total + amount <= limit;
    return used === Math.max(0, total) && budget === limit && access === hasAccess;
  }

  /** Whether the operation, at this instant, changes nothing and is answered as it was. */
  function isIdle(operation: Operation, world: World): boolean {
    const { answer } = operation;
    if (answer?.kind === 'read') return isTrue(answer.reading, world.total);
    const content = contentUnder(world, operation.key);
    if (content !== undefined) return isRepeat(operation, content, world.total);
    if (answer?.kind !== 'refused' || !operation.enforce) return false;
    return !isAllowed(world.total, operation) && isTrue(answer.reading, world.total);
  }
  function isRepeat(operation: Operation, content: string, total: number): boolean {
    const { answer } = operation;
    if (answer === null) return true;
    const isSame = content === contentOf(operation);
    if (answer.kind === 'conflict') return !isSame;
    return (
      answer.kind === 'recorded' && answer.duplicate !== false && isSame && isTrue(answer.reading, total)
    );
  }
  const isRecordedAs = (answer: Answer | null, total: number) =>
    answer === null ||
    (answer.kind === 'recorded' && answer.duplicate !== true && isTrue(answer.reading, total));
  /** What the operation makes of the world at this instant; null if it records nothing, or is not answered so. */
  function record(id: number, operation: Operation, world: World): World | null {
    const { action, delta, enforce, key, answer } = operation;
    if (action === 'READ' || contentUnder(world, key) !== undefined) return null;
    if (enforce && !isAllowed(world.total, operation)) return null;
    const total = action === 'SET' ? delta : world.total + delta;
    if (!isRecordedAs(answer, total)) return null;
    return {
      total,
      done: new Set([...world.done, id]),
      keys: key === null ? world.keys : new Map([...world.keys, [key, contentOf(operation)]]),
    };
  }
  /** Lets all idle operations happen: whatever follows from the world without them follows with them too. */
  function withIdle(world: World): World {
    const idle = [...open].filter(([id, operation]) => !world.done.has(id) && isIdle(operation, world));
    return { ...world, done: new Set([...world.done, ...idle.map(([id]) => id)]) };
  }
  function nextWorlds(world: World): World[] {
    return [...open]
      .map(([id, operation]) => (world.done.has(id) ? null : record(id, operation, world)))
      .filter((next) => next !== null);
  }
  /** All worlds in which this operation has just happened; null if there are too many to try. */
  function worldsAfter(id: number): World[] | null {
    const seen = new Map<string, World>();
    const visit = (given: World) => {
      const world = withIdle(given);
      const name = nameOf(world);
      if (!seen.has(name)) seen.set(name, world);
    };
    for (const world of worlds) visit(world);
    // A map is walked in the order of insertion, what is added on the way too.
    for (const world of seen.values()) {
      if (seen.size > maxWorlds) return null;
      if (!world.done.has(id)) for (const next of nextWorlds(world)) visit(next);
    }
    return [...seen.values()].filter(({ done }) => done.has(id));
  }
  /** Forgets what cannot matter any more, and makes one world of those that are then the same. */
  function forget(ended: number): void {
    const [first, ...others] = worlds;
    for (const [key, content] of first?.keys ?? [])
      if (others.every(({ keys }) => keys.get(key) === content)) settled.set(key, content);
    const gone = new Set([ended]);
    for (const [id, { answer }] of open)
      if (answer === null && worlds.every(({ done }) => done.has(id))) gone.add(id);
    for (const id of gone) open.delete(id);
    const kept = worlds.map(({ total, done, keys }) => ({
      total,
      done: new Set([...done].filter((id) => !gone.has(id))),
      keys: new Map([...keys].filter(([key]) => !settled.has(key))),
    }));
    worlds = [...new Map(kept.map((world) => [nameOf(world), world])).values()];
  }

  for (const { id, operation, isEnd } of eventsOf(operations)) {
    if (!isEnd) {
      open.set(id, operation);
      continue;
    }
    const next = worldsAfter(id);
    if (next === null || next.length === 0)
      return {
        operation,
        totals: [...new Set(worlds.map(({ total }) => total))],
        open: [...open.values()],
        problem: next === null ? 'too many orders to try' : 'impossible',
      };
    worlds = next;
    forget(id);
  }
  return null;
}

interface Event {
  id: number;
  operation: Operation;
  isEnd: boolean;
}

/** Beginnings and ends, in their order. */
function eventsOf(operations: readonly Operation[]): Event[] {
  const events = operations.flatMap((operation, id) => {
    const began = { at: operation.began, id, operation, isEnd: false };
    return operation.answer === null ? [began] : [began, { ...began, at: operation.ended, isEnd: true }];
  });
  return events.sort((one, other) => one.at - other.at || Number(one.isEnd) - Number(other.isEnd));
}

const nameOf = ({ total, done, keys }: World) => {
  const ids = [...done].sort((one, other) => one - other);
  return `${total} ${ids} ${[...keys].map(([key, content]) => `${key} ${content}`).sort()}`;
};
