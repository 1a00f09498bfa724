import { spawn } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';

/* A large file must not stop the process from answering others. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const fileOf = (features: number) =>
  `features:\n${Array.from(
    { length: features },
    (_, i) => `  - { id: f${i}, name: Feature ${i}, type: BINARY, metadata: { a: [1, 2, "x"] } }\n`,
  ).join('')}`;
const yaml = fileOf(3_000);
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

it('a file is read, too, while other processes keep the machine busy', async () => {
  const busy = Array.from({ length: 2 * availableParallelism() }, () =>
    spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  );
  try {
    const { previewCatalogue } = await app.ok(preview, { yaml: fileOf(750) });
    expect(previewCatalogue.problems).toEqual([]);
  } finally {
    for (const each of busy) each.kill('SIGKILL');
  }
});
