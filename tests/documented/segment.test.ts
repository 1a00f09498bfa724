import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { pino } from 'pino';
import { startQueue } from '../../src/jobs/queue.ts';
import { segmentJobs } from '../../src/segment/jobs.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

/* Every cURL call of docs/guides/segment.md is sent, one after the other, and answered as the page shows. */

let app: TestApp;
let page: string;
beforeAll(async () => {
  app = await startTestApp();
  page = await readFile('docs/guides/segment.md', 'utf8');
});
afterAll(() => app.close());

/** The calls of the page, each with the answer below it. */
const calls = () =>
  [...page.matchAll(/```sh\n([^`]*)```\n\n```json\n([^`]*)```/g)].map(([, command = '', answer = '']) => ({
    command,
    answer: JSON.parse(answer),
  }));

/** Splits a command as a shell does that knows quotes and variables. */
function words(command: string, variables: Record<string, string>): string[] {
  const expanded = (text: string) =>
    text.replace(/\$(\w+)/g, (_all, name: string) => variables[name] ?? '').replaceAll('\\"', '"');
  return [...command.replaceAll('\\\n', ' ').matchAll(/'([^']*)'|"((?:\\"|[^"])*)"|(\S+)/g)].map(
    ([, single, double, bare]) => single ?? expanded(double ?? bare ?? ''),
  );
}

/** Sends what `curl` would. */
async function send(command: string) {
  const [program, ...args] = words(command, { KANA: app.url, KEY: app.keys.test });
  expect(program).toBe('curl');
  const after = (option: string) => args.filter((_arg, index) => args[index - 1] === option);
  const [user] = after('-u');
  const headers = after('-H').map((header) => header.split(/: (.*)/).slice(0, 2) as [string, string]);
  if (user !== undefined) headers.push(['Authorization', `Basic ${Buffer.from(user).toString('base64')}`]);
  const [url = ''] = args.filter((arg) => arg.startsWith('http'));
  return (await fetch(url, { method: 'POST', headers, body: after('-d')[0] })).json();
}

test('each call of the page is answered as it says', async () => {
  const url = app.database.hot.options.connectionString ?? '';
  const log = pino({ level: 'silent' });
  const queue = await startQueue(url, segmentJobs(app.database.prisma), { atStart: [], log });
  expect(calls().length).toBeGreaterThan(8);
  for (const { command, answer } of calls()) {
    // The signed one, which needs a shell; the rest of the page does not build on it.
    if (!command.startsWith('curl')) continue;
    if (command.includes('backfill { state examined')) await done();
    expect([command, await send(command)]).toEqual([command, answer]);
  }
  await queue.stop();
});

async function done(): Promise<void> {
  const query = '{ mappingRules { backfill { state } } }';
  while (
    (await app.ok(query)).mappingRules.some(
      ({ backfill }: { backfill: { state: string } }) => backfill.state !== 'DONE',
    )
  );
}

test('the outcomes of the page are those that there are', async () => {
  const { __type: type } = await app.ok('{ __type(name: "SegmentOutcome") { enumValues { name } } }');
  const told = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name]) => name);
  expect(told.toSorted()).toEqual(type.enumValues.map(({ name }: { name: string }) => name).toSorted());
});
