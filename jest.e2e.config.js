import base from './jest.config.js';

/** @type {import('jest').Config} What needs a real browser: Debian's Chromium, at CHROMIUM_PATH or /usr/bin/chromium. */
export default {
  ...base,
  testMatch: ['<rootDir>/tests/**/*.e2e.ts'],
  globalSetup: '<rootDir>/tests/helpers/start-e2e.ts',
};
