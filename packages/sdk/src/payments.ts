import type { Caller, Result } from './caller.ts';
import { SubscriptionLinkError } from './errors.ts';

/** Payment links. */
export class Payments {
  readonly #caller: Caller;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  /**
   * Accepted as older guides write it. Always a `SubscriptionLinkError`: links are made from billing templates, with the
   * mutation `generateSubscriptionLink`.
   */
  generateLink = (_args: { packageIds: string[] }): Promise<Result<{ url: string }>> =>
    this.#caller.run(async () => {
      throw new SubscriptionLinkError(
        'Payment links are made from billing templates: send the mutation generateSubscriptionLink.',
      );
    });
}
