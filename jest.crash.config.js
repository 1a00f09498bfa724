import base from './jest.config.js';

/** @type {import('jest').Config} What kills processes again and again, and takes minutes. */
export default { ...base, testMatch: ['<rootDir>/tests/**/*.crash.ts'], maxWorkers: 1 };
