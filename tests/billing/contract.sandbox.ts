import { test } from '@jest/globals';
import { openStripe } from '../../src/billing/stripe.ts';
import { describeStripe } from './contract.ts';

// The same against Stripe itself: STRIPE_SANDBOX_KEY=sk_test_… npm run test:stripe -- tests/billing/contract

const key = process.env.STRIPE_SANDBOX_KEY;

if (key === undefined) {
  test.skip('STRIPE_SANDBOX_KEY is not set: Stripe itself was not asked', () => undefined);
  process.stdout.write('STRIPE_SANDBOX_KEY is not set: the contract did not run against Stripe itself.\n');
} else {
  if (!/^(sk|rk)_test_/.test(key))
    throw new Error('STRIPE_SANDBOX_KEY must be a key of a sandbox: sk_test_…');
  describeStripe("Stripe's sandbox", () => openStripe(key, { apiBase: undefined }));
}
