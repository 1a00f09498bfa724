/** An answer of the server. */
export interface Kept<Value> {
  value: Value;
  /** When it was given, as epoch milliseconds. */
  at: number;
  /** Something has changed since: it only stands in while the server does not answer. */
  isOutdated: boolean;
}

/** How many amounts of one user and feature are kept. */
const maxAmounts = 16;

/**
 * Keeps answers by user, feature and amount. Of too many users and features, those go that were not asked for the
 * longest time.
 */
export class AnswerCache<Value> {
  readonly #maxEntries: number;
  readonly #entries = new Map<string, Map<number, Kept<Value>>>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  get(key: string, amount: number): Kept<Value> | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.get(amount);
  }

  set(key: string, amount: number, kept: Kept<Value>): void {
    const known = this.#entries.get(key);
    const entry = known === undefined || known.size >= maxAmounts ? new Map<number, Kept<Value>>() : known;
    entry.set(amount, kept);
    this.#entries.set(key, entry);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.#maxEntries && oldest !== undefined) this.#entries.delete(oldest);
  }

  /** Something has changed: what is kept of this user and feature only stands in from now on. */
  outdate(key: string): void {
    for (const kept of this.#entries.get(key)?.values() ?? []) kept.isOutdated = true;
  }
}
