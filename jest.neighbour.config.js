import base from './jest.config.js';

/** @type {import('jest').Config} The noisy neighbour. Its figures mean something on a machine that does nothing else. */
export default { ...base, testMatch: ['<rootDir>/tests/**/*.noise.ts'], maxWorkers: 1 };
