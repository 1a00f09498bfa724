import { availableParallelism } from 'node:os';

// As servers run: GraphQL's checks for developers cost a third of the time of a large answer.
process.env.NODE_ENV = 'production';
process.env.OPEN_KANA_TESTS = 'true';

/** @type {import('jest').Config} */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  globalSetup: '<rootDir>/tests/helpers/start-postgres.ts',
  globalTeardown: '<rootDir>/tests/helpers/stop-postgres.ts',
  extensionsToTreatAsEsm: ['.ts'],
  // Other packages name the SDK as they do where they are installed.
  moduleNameMapper: { '^@open-kana/sdk$': '<rootDir>/packages/sdk/src/index.ts' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'es6' } },
    ],
  },
  // Tests wait: for the database, for servers that start, for a browser. One worker more than there are cores.
  maxWorkers: availableParallelism() + 1,
  // Node.js keeps the modules of each test file, some 60 MB. Beyond this a worker is replaced, before it only collects
  // garbage: the limit of Node.js itself is 2 to 4 GB.
  workerIdleMemoryLimit: '1GB',
  // Long enough for a busy machine: what hangs fails, what is only slow passes.
  testTimeout: 180_000,
};
