import base from './jest.config.js';

/** @type {import('jest').Config} What needs programs that the gate does not install, or takes long. */
export default {
  ...base,
  testMatch: ['<rootDir>/tests/deploy/**/*.deploy.ts'],
  globalSetup: '<rootDir>/tests/helpers/start-e2e.ts',
  testTimeout: 600_000,
};
