import { type Database, openDatabase } from '../../src/database/client.ts';
import { createTestDatabase } from '../helpers/database.ts';
import { endAll, ensureBuilt, run, type ServerProcess, startServer } from '../helpers/process.ts';
import type { FakeStripe } from './fake-stripe.ts';

export const key = `prv_test_${'a'.repeat(32)}`;

/** A server as a process of its own, which environment variables connect with this Stripe. */
export async function startBillingServer(stripe: FakeStripe) {
  await ensureBuilt();
  const testDatabase = await createTestDatabase();
  const database: Database = openDatabase(testDatabase.url);
  const start = () =>
    startServer({
      ...{
        DATABASE_URL: testDatabase.url,
        KANA_TEST_PRIVATE_KEY: key,
        KANA_DEMO: 'false',
        LOG_LEVEL: 'error',
      },
      ...{ STRIPE_API_BASE: stripe.url, STRIPE_TEST_SECRET_KEY: 'sk_test_ours' },
      STRIPE_TEST_WEBHOOK_SECRET: 'whsec_ours',
    });
  let server: ServerProcess = await start();

  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of any shape and assert them whole
  async function ok(query: string): Promise<any> {
    const response = await fetch(`${server.url}/graphql`, {
      method: 'POST',
      headers: { Authorization: key, 'Content-Type': 'application/json' },
      body: JSON.stringify({ query }),
    });
    const body = (await response.json()) as { data?: object; errors?: object };
    if (body.errors !== undefined) throw new Error(JSON.stringify(body));
    return body.data;
  }
  async function killAndRestart(): Promise<void> {
    await server.end('SIGKILL');
    server = await start();
  }
  return {
    database,
    ok,
    killAndRestart,
    process: () => server,
    /** What the command says that compares everything with Stripe. */
    verify: () =>
      run('dist/bundle/verify.js', ['--stripe'], {
        DATABASE_URL: testDatabase.url,
        STRIPE_API_BASE: stripe.url,
      }),
    /** Waits until something holds. */
    async until(what: () => Promise<boolean>, timeoutMs = 60_000): Promise<void> {
      const deadline = Date.now() + timeoutMs;
      while (!(await what())) {
        if (Date.now() > deadline) throw new Error(`It did not come about. ${server.stderr()}`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    /** Kills the server when Stripe has got so many more requests, or when there is no more to ask. */
    async killAfter(requests: number, isOver = () => false): Promise<void> {
      const at = stripe.requests.length + requests;
      let looking: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        stripe.onRequest = (count) => {
          if (count >= at) resolve();
        };
        looking = setInterval(() => isOver() && resolve(), 50);
      });
      clearInterval(looking);
      stripe.onRequest = () => undefined;
      await killAndRestart();
    },
    /** Delivers an event until it is taken, as Stripe does. */
    async deliver(event: FakeStripe['events'][number]): Promise<void> {
      for (;;) {
        const { payload, header } = stripe.signed(event, 'whsec_ours');
        const sending = fetch(`${server.url}/billing/stripe/webhook`, {
          method: 'POST',
          headers: { 'Stripe-Signature': header },
          body: payload,
        });
        if (await sending.then(({ status }) => status === 200).catch(() => false)) return;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    },
    async readImport() {
      const { stripeConnection } = await ok(
        '{ stripeConnection { import { state prices customers subscriptions problem } } }',
      );
      return stripeConnection?.import;
    },
    async close() {
      endAll();
      await database.close();
      await testDatabase.drop();
    },
  };
}
