import base from './jest.config.js';

/** @type {import('jest').Config} What kills servers in the middle of Segment's events, and takes minutes. */
export default { ...base, testMatch: ['<rootDir>/tests/segment/crash/*.kills.ts'], testTimeout: 30 * 60_000 };
