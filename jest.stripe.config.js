import base from './jest.config.js';

/** @type {import('jest').Config} What takes long about Stripe, and what needs a key of Stripe's sandbox. */
export default {
  ...base,
  testMatch: ['<rootDir>/tests/billing/*.measure.ts', '<rootDir>/tests/billing/*.sandbox.ts'],
  maxWorkers: 1,
  testTimeout: 4 * 60 * 60_000,
};
