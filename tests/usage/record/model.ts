import { type Amount, sumOf } from '../../../src/amount.ts';
import { type Entitlement, entitlementOf, type Standing } from '../../../src/entitlements/rules.ts';
import { balanceOf, Excess, excessOf, type TopUp } from '../../../src/usage/draws/rules.ts';
import {
  type CountingGrant,
  type GrantWindow,
  refusal,
  usedAfter,
  windowsOf,
  winnerAt,
} from '../../../src/usage/ledger/rules.ts';
import type { FirstUse, Usage } from '../../../src/usage/record/rules.ts';

/** A reservation as the model knows it. */
interface Held {
  id: string;
  amount: Amount;
  expiresAt: Date;
  committed: Amount | null;
  isReleased: boolean;
}

export type ModelUsage = Pick<Usage, 'action' | 'delta' | 'enforce' | 'idempotencyKey'>;

export type Outcome = 'recorded' | 'duplicate' | 'conflict' | { refused: string };

/**
 * What the rules say of one user and one feature, all in memory: nothing is stored but the ledger, so every total is added
 * up from its first entry again.
 */
export class Model {
  readonly grants: CountingGrant[];
  readonly topUps: TopUp[] = [];
  readonly reservations: Held[] = [];
  /** The usage beyond the budget by its window; see windowName. */
  readonly excess = new Map<string, Excess>();
  readonly #ledger: { usage: ModelUsage; at: Date }[] = [];
  readonly #keys = new Map<string, FirstUse>();

  constructor(grants: CountingGrant[]) {
    this.grants = grants;
  }

  entitlement(now: Date, delta: Amount): Entitlement {
    return entitlementOf(this.#standing(now, now), delta);
  }

  /** The reservations that hold something now. */
  open(now: Date): Held[] {
    return this.reservations.filter(
      ({ committed, isReleased, expiresAt }) => committed === null && !isReleased && expiresAt > now,
    );
  }

  record(usage: ModelUsage, at: Date, now: Date): Outcome {
    const { idempotencyKey: key, action, delta } = usage;
    const first = key === null ? undefined : this.#keys.get(key);
    if (first !== undefined)
      return first.action === action && first.delta === delta ? 'duplicate' : 'conflict';
    const refused = usage.enforce ? this.#refusal(usage, at, now) : null;
    if (refused !== null) return { refused };
    if (key !== null) this.#keys.set(key, { featureId: '', action, delta });
    this.#append(usage, at);
    return 'recorded';
  }

  #append(usage: ModelUsage, at: Date): void {
    const windows = windowsOf(this.grants, at);
    const winner = winnerAt(this.grants, at)?.grant;
    const before = windows.map((window) => this.#used(window));
    this.#ledger.push({ usage, at });
    if (this.topUps.length === 0) return;
    for (const [index, window] of windows.entries()) {
      const { limit } = window.grant;
      const isWinner = window.grant === winner;
      const known = this.excess.get(windowName(window));
      if (!isWinner && (known?.parts.length ?? 0) === 0) continue;
      const excess = known ?? new Excess([]);
      const [from, to] = [before[index] ?? 0n, this.#used(window)].map((used) => excessOf(used, limit));
      excess.follow({
        before: from ?? 0n,
        after: to ?? 0n,
        topUps: this.topUps,
        at,
        draws: isWinner,
        usage: this.#ledger.length - 1,
      });
      this.excess.set(windowName(window), excess);
    }
  }

  #refusal(usage: ModelUsage, at: Date, now: Date): string | null {
    const winner = winnerAt(this.grants, at);
    const drawn = (winner && this.excess.get(windowName(winner))?.drawn) ?? 0n;
    return refusal(usage as Usage, this.#standing(at, now), drawn);
  }

  #standing(at: Date, now: Date): Standing {
    const winner = winnerAt(this.grants, at);
    const topUp = balanceOf(this.topUps, at);
    return {
      featureType: 'CONSUMABLE',
      precision: 2,
      grant: winner?.grant ?? null,
      used: winner === null ? 0n : this.#used(winner),
      held: sumOf(this.open(now).map(({ amount }) => amount)),
      ...(topUp && { topUp }),
    };
  }

  #used(window: GrantWindow): Amount {
    let used = 0n;
    for (const { usage, at } of this.#ledger)
      if (
        windowsOf([window.grant as CountingGrant], at).some((each) => windowName(each) === windowName(window))
      )
        used = usedAfter(used, usage);
    return used;
  }
}

export const windowName = ({ grant, windowStart }: GrantWindow) =>
  `${grant.subscriptionId} ${windowStart.getTime()}`;
