import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

/* A large file must not stop the process from answering others. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const yaml = `features:\n${Array.from(
  { length: 3_000 },
  (_, i) => `  - { id: f${i}, name: Feature ${i}, type: BINARY, metadata: { a: [1, 2, "x"] } }\n`,
).join('')}`;
const preview =
  'query ($yaml: String!) { previewCatalogue(yaml: $yaml) { problems { message } findings { kind } } }';

it('others are answered while a file is read, and the answer is whole', async () => {
  let isDone = false;
  const previewing = app.ok(preview, { yaml }).finally(() => {
    isDone = true;
  });
  let answered = 0;
  while (!isDone) {
    await app.ok('{ users(first: 1) { id } }', {}, app.keys.live);
    answered += 1;
  }
  const { previewCatalogue } = await previewing;
  expect(previewCatalogue.problems).toEqual([]);
  expect(previewCatalogue.findings).toHaveLength(3_000);
  expect(answered).toBeGreaterThan(10);
});

it('the loop stands still for a part of the time that reading takes', async () => {
  const before = performance.eventLoopUtilization();
  await app.ok(preview, { yaml });
  expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.8);
});
