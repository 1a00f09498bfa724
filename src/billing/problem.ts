import type { Db } from '../database/client.ts';
import { isAboutAll, isStripeFailure, reasonOf } from './stripe.ts';

/*
 * Why an environment cannot ask Stripe at the moment: a key without a right or that is unknown, too many questions, or an
 * outage. Background work then asks again after pauses that grow, so that it keeps no place of the queue.
 */

/** The key that Stripe was asked with. */
interface AskedWith {
  environmentId: string;
  sealedKey: string;
}

/** Notes why Stripe could not be asked, if it concerns everything that is asked with this key. */
export async function noteProblem(db: Db, connected: AskedWith, error: unknown): Promise<void> {
  if (!isStripeFailure(error) || !isAboutAll(error)) return;
  // A key that was replaced meanwhile says nothing of the new one.
  await db.$executeRaw`
    UPDATE stripe_connection SET problem = ${reasonOf(error)}, problem_since = coalesce(problem_since, now()),
      problem_tries = problem_tries + 1,
      asks_again_at = now() + least(power(2, least(problem_tries, 10)) * interval '10 seconds', interval '1 minute')
    WHERE environment_id = ${connected.environmentId} AND secret_key = ${connected.sealedKey}`;
}

/** Stripe has answered. */
export async function noteAnswer(db: Db, { environmentId, sealedKey }: AskedWith): Promise<void> {
  await db.stripeConnection.updateMany({
    where: { environmentId, secretKey: sealedKey, problem: { not: null } },
    data: noProblem(),
  });
}

/** The state of a connection that Stripe answers, or that was not asked yet. */
export const noProblem = () => ({
  problem: null,
  problemSince: null,
  problemTries: 0,
  asksAgainAt: null,
});
