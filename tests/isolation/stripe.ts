import { FakeStripe } from '../billing/fake-stripe.ts';
import { namesOf, secrets } from './world.ts';

/** The Stripe with which the environments of the worlds bill. It knows the customers of all of them. */
export async function startWorldsStripe(): Promise<FakeStripe> {
  const stripe = await new FakeStripe().start();
  stripe.accountId = secrets.test.word;
  stripe.createMeter('ours');
  for (const prefix of ['', 'their-']) {
    const { customer: id } = namesOf(prefix);
    stripe.customers.push({ id, email: null, name: null, metadata: {}, created: stripe.now, deleted: false });
  }
  return stripe;
}
