/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  globalSetup: '<rootDir>/tests/helpers/start-postgres.ts',
  globalTeardown: '<rootDir>/tests/helpers/stop-postgres.ts',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  // Much of a test's time is the database's: as many workers as cores.
  maxWorkers: '100%',
  testTimeout: 30_000,
};
