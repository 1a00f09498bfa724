import { afterAll } from '@jest/globals';
import { openStripe } from '../../src/billing/stripe.ts';
import { describeStripe } from './contract.ts';
import { FakeStripe } from './fake-stripe.ts';

const fake = await new FakeStripe().start();
afterAll(() => fake.stop());

describeStripe('the fake', () => openStripe(fake.secretKey, { apiBase: fake.url }));
