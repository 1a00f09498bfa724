import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { findDue, type LeasedWebhook, leaseDue, saveAttempts } from '../../src/webhooks/delivery-store.ts';
import { pauseMailbox, saveMailed } from '../../src/webhooks/email/store.ts';
import { afterAttempt } from '../../src/webhooks/schedule-rules.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';

// An answer that comes after the lease has ended: meanwhile others may have sent the same message, or asked for it again.
// Nothing is sent here: the tests take what is due as a process does, and save what it would.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const run = async (sql: string, values: unknown[] = []) => (await app.database.work.query(sql, values)).rows;

let webhookId: string;
let deliveryId: string;
beforeEach(async () => {
  await run('delete from webhook_event');
  await run('delete from webhook');
  await run(`delete from "user"`);
  const input = '{ url: "http://127.0.0.1:9/", events: ["user.*"] }';
  const created = await app.ok(`mutation { createWebhook(input: ${input}) { webhook { id } } }`);
  webhookId = created.createWebhook.webhook.id;
  await app.ok('mutation { createUser(input: { id: "ada" }) { id } }');
  deliveryId = (await run('select id from webhook_delivery'))[0].id;
});

async function lease(): Promise<LeasedWebhook> {
  const [leased] = await leaseDue(app.database.work, 10, { look: 'ALL', withMailboxes: true });
  if (leased === undefined) throw new Error('nothing is due');
  return leased;
}
const endAllLeases = () => run(`update webhook set leased_until = now() - interval '1 second'`);

/** Takes what is due. @returns what saves that this was answered with a status */
async function take() {
  const leased = await lease();
  const [due] = await findDue(app.database.work, webhookId, { nextAttemptAt: null, id: '0' }, 1);
  if (due === undefined) throw new Error('nothing is due');
  return (status: number) => {
    const [answer, attempts] = [{ status, body: '' }, due.attempts + 1];
    const next = afterAttempt(answer, { attempts, retryUntil: due.retryUntil }, due.now, 0);
    const attempt = { ...due, attempts, at: due.now, durationMs: 1, problem: null, ...answer, ...next };
    const health = {
      failures: 0,
      failingSince: null,
      pausedUntil: null,
      disabledReason: null,
      isBack: false,
    };
    return saveAttempts(app.database.work, leased, [attempt], health);
  };
}

/** What may happen between the end of the lease and the answer. */
const meanwhile = {
  nothing: async () => undefined,
  'another process delivered it': async () => {
    await (await take())(204);
  },
  'another process was refused': async () => {
    await (await take())(500);
  },
  'it was given up': async () => {
    await run(`update webhook_delivery set state = 'DEAD'`);
  },
  'somebody asked for it again': async () => {
    // As by a clock that is read later.
    await app.ok('mutation ($id: String!) { redeliver(id: $id) { id } }', { id: deliveryId });
    await run(`update webhook_delivery set retry_until = retry_until + interval '1 second'`);
  },
  'another process delivered it, and somebody asked for it again': async () => {
    await meanwhile['another process delivered it']();
    await meanwhile['somebody asked for it again']();
  },
} satisfies Record<string, () => Promise<void>>;

describe('an answer after the end of the lease', () => {
  test.each<[keyof typeof meanwhile, number, string, number]>([
    ['nothing', 204, 'DELIVERED', 1],
    ['nothing', 500, 'PENDING', 1],
    ['another process delivered it', 500, 'DELIVERED', 1],
    ['another process delivered it', 204, 'DELIVERED', 1],
    ['another process was refused', 500, 'PENDING', 1],
    ['another process was refused', 204, 'DELIVERED', 1],
    ['it was given up', 500, 'DEAD', 0],
    ['it was given up', 204, 'DELIVERED', 1],
    ['somebody asked for it again', 204, 'PENDING', 0],
    ['somebody asked for it again', 500, 'PENDING', 0],
    ['another process delivered it, and somebody asked for it again', 204, 'PENDING', 0],
    ['another process delivered it, and somebody asked for it again', 500, 'PENDING', 0],
  ])('while %s, %i: it is %s after %i attempts', async (what, status, state, attempts) => {
    const save = await take();
    await endAllLeases();
    await meanwhile[what]();
    await save(status);
    expect(await run('select state, attempts from webhook_delivery')).toEqual([{ state, attempts }]);
  });

  test('takes no pause from who was refused meanwhile', async () => {
    const first = await take();
    await endAllLeases();
    const second = await take();
    await second(500);
    const nextSql = 'select next_attempt_at from webhook_delivery';
    const next = await run(nextSql);
    await first(503);
    expect(await run(nextSql)).toEqual(next);
  });
});

test('a mail that failed after the end of the lease leaves alone what another process has mailed', async () => {
  await run(`update webhook set url = 'mailto:'`);
  const mailed = { ids: [deliveryId], at: new Date(), durationMs: 1, pauseMs: 0 };
  const save = async (mailbox: LeasedWebhook, problem: string | null) => {
    const client = await app.database.work.connect();
    try {
      await saveMailed(client, mailbox, { ...mailed, problem });
    } finally {
      client.release();
    }
  };
  const first = await lease();
  await endAllLeases();
  const second = await lease();
  expect(await pauseMailbox(app.database.work, first, 0)).toBe(false);
  await save(second, 'The mail server did not answer in time.');
  const stateSql = 'select state, attempts, problem from webhook_delivery';
  const refused = { state: 'PENDING', attempts: 1, problem: 'The mail server did not answer in time.' };
  expect(await run(stateSql)).toEqual([refused]);
  await save(first, 'Another problem.');
  expect(await run(stateSql)).toEqual([refused]);
  await save(second, null);
  await save(first, 'Another problem.');
  expect(await run(stateSql)).toEqual([{ state: 'DELIVERED', attempts: 2, problem: null }]);
});
