import { describe, expect, test } from '@jest/globals';
import { type Answer, checkHistory, type Operation, type Reading } from './history.ts';
import { createRandom, type Random } from './random.ts';

type Given = Partial<Operation>;

const limit = 10;
const unknown = { ended: Number.POSITIVE_INFINITY, answer: null };

const reading = (used: number, access = used < limit, amount = 1): Reading => ({
  used,
  budget: limit,
  amount,
  access,
});
const recorded = (duplicate: boolean | null = false, then: Reading | null = null): Answer => ({
  kind: 'recorded',
  duplicate,
  reading: then,
});
const refused: Answer = { kind: 'refused', reading: null };
const conflict: Answer = { kind: 'conflict' };

function operation(began: number, ended: number, given: Given): Operation {
  return { began, ended, action: 'ADD', delta: 0, enforce: false, key: null, answer: recorded(), ...given };
}
const add = (began: number, ended: number, delta: number, given: Given = {}) =>
  operation(began, ended, { delta, ...given });
const set = (began: number, ended: number, delta: number, given: Given = {}) =>
  operation(began, ended, { action: 'SET', delta, ...given });
const enforce = (began: number, ended: number, delta: number, given: Given = {}) =>
  operation(began, ended, { delta, enforce: true, ...given });
const read = (began: number, ended: number, used: number, access?: boolean) =>
  operation(began, ended, { action: 'READ', answer: { kind: 'read', reading: reading(used, access) } });

describe('a history that can be true', () => {
  test.each<[string, Operation[]]>([
    ['nothing', []],
    ['one after the other', [add(1, 2, 3), read(3, 4, 3), set(5, 6, 1), read(7, 8, 1)]],
    ['a read beside a usage, before it', [add(1, 4, 3), read(2, 3, 0)]],
    ['a read beside a usage, after it', [add(1, 4, 3), read(2, 3, 3)]],
    ['reads beside two usages, in one order', [add(1, 9, 3), add(2, 8, 4), read(3, 4, 4), read(5, 6, 7)]],
    ['a SET between two usages that ran beside it', [add(1, 9, 3), set(2, 8, 5), read(10, 11, 5)]],
    ['a SET before a usage that ran beside it', [add(1, 9, 3), set(2, 8, 5), read(10, 11, 8)]],
    ['a usage told with what follows', [add(1, 2, 3, { answer: recorded(false, reading(3)) })]],
    [
      'two usages at once, told in one order',
      [
        add(1, 4, 3, { answer: recorded(false, reading(5)) }),
        add(2, 3, 2, { answer: recorded(false, reading(2)) }),
      ],
    ],
    ['enforced up to the limit, then refused', [enforce(1, 2, 10), enforce(3, 4, 1, { answer: refused })]],
    [
      'two enforced that race for the rest, one is refused',
      [enforce(1, 4, 6), enforce(2, 3, 6, { answer: refused }), read(5, 6, 6)],
    ],
    [
      'refused because of what ran beside it and was given back',
      [
        add(1, 2, 10),
        enforce(3, 8, 1, { answer: refused }),
        add(4, 5, -10),
        enforce(6, 7, 4),
        read(9, 10, 4),
      ],
    ],
    ['giving back is never refused', [add(1, 2, 20), enforce(3, 4, -1), read(5, 6, 19, false)]],
    ['enforced SET is judged by itself', [add(1, 2, 20), set(3, 4, 10, { enforce: true }), read(5, 6, 10)]],
    [
      'a negative total is told as 0, and decides truly',
      [add(1, 2, -5), read(3, 4, 0), enforce(5, 6, 15), read(7, 8, 10)],
    ],
    ['an unknown outcome that happened', [add(1, 0, 3, unknown), read(3, 4, 3)]],
    ['an unknown outcome that did not happen', [add(1, 0, 3, unknown), read(3, 4, 0)]],
    [
      'an unknown outcome that happened late',
      [add(1, 0, 3, unknown), read(2, 3, 0), read(4, 5, 3), read(6, 7, 3)],
    ],
    [
      'a repeat of an unknown one that had happened',
      [
        add(1, 0, 3, { key: 'a', ...unknown }),
        add(2, 3, 3, { key: 'a', answer: recorded(true) }),
        read(4, 5, 3),
      ],
    ],
    [
      'a repeat of an unknown one that had not happened',
      [add(1, 0, 3, { key: 'a', ...unknown }), add(2, 3, 3, { key: 'a' }), read(4, 5, 3)],
    ],
    [
      'refused, and an earlier attempt came through later',
      [
        add(1, 2, 8),
        enforce(3, 0, 5, { key: 'a', ...unknown }),
        enforce(4, 5, 5, { key: 'a', answer: refused }),
        add(6, 7, -8),
        read(8, 9, 5),
      ],
    ],
    [
      'a key that stands for another usage',
      [add(1, 2, 3, { key: 'a' }), add(3, 4, 4, { key: 'a', answer: conflict }), read(5, 6, 3)],
    ],
    [
      'an answer that does not tell of a duplicate',
      [
        add(1, 2, 3, { key: 'a', answer: recorded(null) }),
        add(3, 4, 3, { key: 'a', answer: recorded(null) }),
        read(5, 6, 3),
      ],
    ],
  ])('%s', (_name, history) => {
    expect(checkHistory(history, limit)).toBeNull();
  });
});

describe('a history that cannot be true', () => {
  test.each<[string, Operation[]]>([
    ['an acknowledged usage is lost', [add(1, 2, 3), read(3, 4, 0)]],
    ['an acknowledged usage counts twice', [add(1, 2, 3), read(3, 4, 6)]],
    ['something is there that nobody sent', [read(1, 2, 1)]],
    ['a read goes back', [add(1, 8, 3), read(2, 3, 3), read(4, 5, 0)]],
    ['two readers see two orders', [add(1, 9, 3), add(2, 8, 4), read(3, 4, 3), read(5, 6, 4)]],
    ['a SET adds', [add(1, 2, 3), set(3, 4, 5), read(5, 6, 8)]],
    ['a SET is lost', [add(1, 2, 3), set(3, 4, 5), read(5, 6, 3)]],
    [
      'what follows is told without the usage itself',
      [add(1, 2, 3, { answer: recorded(false, reading(0)) })],
    ],
    [
      'two usages at once are each told with both',
      [
        add(1, 4, 3, { answer: recorded(false, reading(5)) }),
        add(2, 3, 2, { answer: recorded(false, reading(5)) }),
      ],
    ],
    ['both of two that race for the rest are recorded', [enforce(1, 4, 6), enforce(2, 3, 6)]],
    ['enforced goes over the limit', [add(1, 2, 8), enforce(3, 4, 3)]],
    ['refused though enough is left', [add(1, 2, 8), enforce(3, 4, 2, { answer: refused })]],
    ['refused without being enforced', [add(1, 2, 10), add(3, 4, 1, { answer: refused })]],
    ['giving back is refused', [add(1, 2, 20), enforce(3, 4, -1, { answer: refused })]],
    ['a refused usage counts', [add(1, 2, 8), enforce(3, 4, 3, { answer: refused }), read(5, 6, 11, false)]],
    ['access is told where there is none', [add(1, 2, 10), read(3, 4, 10, true)]],
    ['a clamped total decides', [add(1, 2, -5), enforce(3, 4, 11, { answer: refused })]],
    [
      'another budget',
      [
        operation(1, 2, {
          action: 'READ',
          answer: { kind: 'read', reading: { ...reading(0), budget: 20 } },
        }),
      ],
    ],
    ['an unknown outcome counts twice', [add(1, 0, 3, unknown), read(3, 4, 6)]],
    ['an unknown outcome goes away again', [add(1, 0, 3, unknown), read(2, 3, 3), read(4, 5, 0)]],
    ['an unknown outcome happened before it began', [read(1, 2, 3), add(3, 0, 3, unknown)]],
    [
      'a repeat counts again',
      [add(1, 2, 3, { key: 'a' }), add(3, 4, 3, { key: 'a', answer: recorded(true) }), read(5, 6, 6)],
    ],
    ['a repeat is told as new', [add(1, 2, 3, { key: 'a' }), add(3, 4, 3, { key: 'a' })]],
    ['a first one is told as repeat', [add(1, 2, 3, { key: 'a', answer: recorded(true) })]],
    [
      'an unknown one and its repeat both count',
      [add(1, 0, 3, { key: 'a', ...unknown }), add(2, 3, 3, { key: 'a' }), read(4, 5, 6)],
    ],
    [
      'another usage under the same key is told as repeat',
      [add(1, 2, 3, { key: 'a' }), add(3, 4, 4, { key: 'a', answer: recorded(true) })],
    ],
    ['a conflict that is none', [add(1, 2, 3, { key: 'a', answer: conflict })]],
  ])('%s', (_name, history) => {
    expect(checkHistory(history, limit)).toMatchObject({ problem: 'impossible' });
  });
});

/** What a right server answers when `callers` send at once. Each call takes effect at an instant of its own. */
function simulate(random: Random, callers: number, calls: number): Operation[] {
  const used = new Set<string>();
  let total = 0;
  function perform(sent: Operation): Operation {
    const { action, delta, enforce: isEnforced, key } = sent;
    const amount = action === 'SET' ? delta : total + delta;
    if (action === 'READ') return { ...sent, answer: { kind: 'read', reading: tell() } };
    if (key !== null && used.has(key)) return { ...sent, answer: recorded(true, tell()) };
    if (isEnforced && delta >= 0 && amount > limit) return { ...sent, answer: refused };
    total = amount;
    if (key !== null) used.add(key);
    return { ...sent, answer: recorded(false, tell()) };
  }
  const tell = () => reading(Math.max(0, total), total < limit);
  // Each caller sends a call some time before its instant, and is answered some time after it.
  const free = Array.from({ length: callers }, () => 0);
  const history: Operation[] = [];
  for (let call = 0; call < calls; call += 1) {
    const instant = (call + 1) * 100;
    const caller = random.between(0, callers - 1);
    const began = random.between((free[caller] ?? 0) + 1, instant - 1) + caller / 100;
    if (began >= instant) continue;
    const ended = instant + random.between(1, callers * 100) + caller / 100;
    free[caller] = Math.ceil(ended);
    history.push(perform(randomCall(random, began, ended, `${caller}-${random.between(0, calls)}`)));
  }
  const end = (calls + callers + 2) * 100;
  history.push(perform(read(end, end + 1, 0)));
  // The answers of a few are lost.
  const lost = new Set(Array.from({ length: 3 }, () => random.between(0, history.length - 2)));
  return history.map((each, index) => (lost.has(index) ? { ...each, ...unknown } : each));
}

function randomCall(random: Random, began: number, ended: number, key: string): Operation {
  const kind = random.pick(['add', 'set', 'enforce', 'enforce', 'read'] as const);
  if (kind === 'read') return read(began, ended, 0);
  if (kind === 'set') return set(began, ended, random.between(0, limit));
  // The delta follows from the key: a repeat is the same usage.
  const delta = (Number(key.split('-')[1]) % 9) - 3;
  return { ...add(began, ended, delta, { key: `${delta} ${kind} ${key}` }), enforce: kind === 'enforce' };
}

describe('histories of many callers', () => {
  test.each(Array.from({ length: 40 }, (_, seed) => [seed]))('are accepted (seed %i)', (seed) => {
    expect(checkHistory(simulate(createRandom(seed), 2 + (seed % 7), 300), limit)).toBeNull();
  });

  test.each(Array.from({ length: 40 }, (_, seed) => [seed]))('are refused once broken (seed %i)', (seed) => {
    const history = simulate(createRandom(seed), 2 + (seed % 7), 300);
    const alone = history
      .filter(({ answer }) => answer?.kind === 'recorded' && answer.reading !== null)
      .at(-1) as Operation;
    const { reading: told } = alone.answer as { reading: Reading };
    const wrong = { ...told, used: told.used + 1_000_003, access: false };
    const broken = history.map((each) =>
      each === alone ? { ...each, answer: { ...each.answer, reading: wrong } as Answer } : each,
    );
    expect(checkHistory(broken, limit)).toMatchObject({ problem: 'impossible' });
  });

  test('a loss among thousands of additions is found', () => {
    const random = createRandom(7);
    const history = Array.from({ length: 3_000 }, (_, turn) =>
      add(turn * 10, turn * 10 + 35, random.between(1, 9)),
    );
    const sum = history.reduce((total, { delta }) => total + delta, 0);
    const end = (used: number) =>
      operation(40_000, 40_001, {
        action: 'READ',
        answer: { kind: 'read', reading: { used, budget: null, amount: 1, access: true } },
      });
    expect(checkHistory([...history, end(sum)], null)).toBeNull();
    expect(checkHistory([...history, end(sum - 1)], null)).toMatchObject({ problem: 'impossible' });
  });
});
