import { sumOf } from '../../amount.ts';

/** A one-off amount that usage beyond the budget is drawn from. Drawing changes what remains. */
export interface TopUp {
  id: bigint;
  amount: bigint;
  remaining: bigint;
  /** The smaller number is drawn first. */
  priority: number;
  startsAt: Date;
  expiresAt: Date | null;
  voidedAt: Date | null;
}

/** A part of the usage beyond a budget, by the top-up that it was drawn from; null if there was none. */
export interface Part {
  topUpId: bigint | null;
  amount: bigint;
}

/** What a usage drew from a top-up; negative when it gave back. */
export interface Draw {
  topUpId: bigint;
  amount: bigint;
  /** The place of the usage among those that are being recorded; null for what a recount gave back. */
  usage: number | null;
}

export const isAlive = ({ startsAt, expiresAt, voidedAt }: TopUp, at: Date): boolean =>
  startsAt <= at && (expiresAt === null || at < expiresAt) && (voidedAt === null || at < voidedAt);

const never = Number.POSITIVE_INFINITY;
const endOf = ({ expiresAt }: TopUp) => expiresAt?.getTime() ?? never;

/** The order in which top-ups are drawn from: soonest to expire first, then by priority, then the oldest. */
export function inDrawOrder(a: TopUp, b: TopUp): number {
  if (endOf(a) !== endOf(b)) return endOf(a) < endOf(b) ? -1 : 1;
  if (a.priority !== b.priority) return a.priority - b.priority;
  const starts = a.startsAt.getTime() - b.startsAt.getTime();
  return starts === 0 ? Number(a.id - b.id) : starts;
}

/** The usage beyond a budget; none beyond an unlimited one. */
export const excessOf = (used: bigint, limit: bigint | null): bigint =>
  limit !== null && used > limit ? used - limit : 0n;

/** What the top-ups that are alive at an instant gave together, and what remains of it; null if none is alive. */
export function balanceOf(topUps: readonly TopUp[], at: Date) {
  const alive = topUps.filter((each) => isAlive(each, at));
  if (alive.length === 0) return null;
  return {
    granted: sumOf(alive.map(({ amount }) => amount)),
    remaining: sumOf(alive.map(({ remaining }) => remaining)),
  };
}

/** The usage beyond the budget of one window, oldest part first, and how it changes. */
export class Excess {
  readonly parts: Part[];
  readonly draws: Draw[] = [];
  /** Whether it may have changed. */
  isFollowed = false;
  /** Whether there were parts before. */
  readonly wasThere: boolean;

  constructor(parts: readonly Part[]) {
    this.parts = parts.map((part) => ({ ...part }));
    this.wasThere = parts.length > 0;
  }

  /** What the window has drawn from top-ups, together. */
  get drawn(): bigint {
    return sumOf(this.parts.filter(({ topUpId }) => topUpId !== null).map(({ amount }) => amount));
  }

  /** Makes the parts add up to `excess`, without drawing: what is more is drawn from nothing, what is less is given back. */
  settle(excess: bigint, topUps: readonly TopUp[]): void {
    this.isFollowed = true;
    const missing = excess - sumOf(this.parts.map(({ amount }) => amount));
    if (missing > 0n) this.#add(null, missing);
    else this.#giveBack(-missing, topUps, null);
  }

  /**
   * Follows a usage that changes the excess. More is drawn from the top-ups that are alive at the instant, in their
   * order, and beyond them from nothing. Less is given back, the latest first.
   */
  follow({ before, after, topUps, at, draws, usage }: Step): void {
    this.settle(before, topUps);
    let missing = after - before;
    if (missing < 0n) {
      this.#giveBack(-missing, topUps, usage);
      return;
    }
    const alive = draws ? topUps.filter((each) => isAlive(each, at)).sort(inDrawOrder) : [];
    for (const topUp of alive) {
      const amount = missing < topUp.remaining ? missing : topUp.remaining;
      if (amount === 0n) continue;
      topUp.remaining -= amount;
      missing -= amount;
      this.draws.push({ topUpId: topUp.id, amount, usage });
      this.#add(topUp.id, amount);
    }
    if (missing > 0n) this.#add(null, missing);
  }

  #add(topUpId: bigint | null, amount: bigint): void {
    const last = this.parts.at(-1);
    if (last?.topUpId === topUpId) last.amount += amount;
    else this.parts.push({ topUpId, amount });
  }

  #giveBack(excess: bigint, topUps: readonly TopUp[], usage: number | null): void {
    let left = excess;
    for (let last = this.parts.at(-1); last !== undefined && left > 0n; last = this.parts.at(-1)) {
      const amount = left < last.amount ? left : last.amount;
      left -= amount;
      last.amount -= amount;
      if (last.amount === 0n) this.parts.pop();
      const { topUpId } = last;
      if (topUpId === null) continue;
      this.draws.push({ topUpId, amount: -amount, usage });
      const topUp = topUps.find(({ id }) => id === topUpId);
      if (topUp !== undefined) topUp.remaining += amount;
    }
  }
}

/** How a usage changes the excess of a window. */
interface Step {
  before: bigint;
  after: bigint;
  topUps: readonly TopUp[];
  at: Date;
  /** Whether more is drawn from top-ups: in the window of the winner. */
  draws: boolean;
  /** The place of the usage among those that are being recorded. */
  usage: number;
}
