import { expect, test } from '@jest/globals';
import { settingsFor } from '../../src/embedded-postgres/settings-rules.ts';

const mebibyte = 1024 * 1024;

test.each([
  ['a quarter of the memory', 2_048, '512MB'],
  ['whole mebibytes', 2_049.9, '512MB'],
  ["not less than PostgreSQL's default", 256, '128MB'],
  ['not more than four gibibytes', 24 * 1_024, '4096MB'],
])('the cache is %s', (_rule, memoryMebibytes, cache) => {
  expect(settingsFor(memoryMebibytes * mebibyte)).toMatchObject({ shared_buffers: cache });
});
