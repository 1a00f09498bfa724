import { pino } from 'pino';
import { createBilling } from '../../src/billing/billing.ts';
import { billingJobs, reconcileJob } from '../../src/billing/jobs.ts';
import { enqueueWanted } from '../../src/billing/queue.ts';
import { reconcile } from '../../src/billing/reconcile.ts';
import { verifyStripe } from '../../src/billing/verify.ts';
import { migrateQueue, startQueue } from '../../src/jobs/queue.ts';
import { releaseOnArrival } from '../../src/segment/arrival.ts';
import { createAdmission } from '../../src/users/arrival.ts';
import { startTestApp, testEncryption } from '../helpers/app.ts';
import type { FakeStripe } from './fake-stripe.ts';

export const webhookSecret = 'whsec_ours';
const jobsTimeoutMs = 60_000;
/** On a busy machine a deadline may be missed once. What fails again and again is a fault. */
const triesAllowed = 3;

/** A server that bills with this Stripe, with its jobs, and with the packages free, pro and extra. */
export async function startBillingApp(stripe: FakeStripe, { withConsole = false } = {}) {
  const logged: string[] = [];
  const log = pino({ level: 'trace' }, { write: (line: string) => logged.push(line) });
  const app = await startTestApp({ stripeApiBase: stripe.url, withConsole, log });
  await migrateQueue(app.databaseUrl);
  const { prisma } = app.database;
  const billing = createBilling(app.database, testEncryption, { apiBase: stripe.url });
  const contextOf = (environmentId: string) => {
    const connections = app.database.of(environmentId);
    const admitUsers = createAdmission(connections.prisma, [releaseOnArrival(connections, log)]);
    return { prisma: connections.prisma, admitUsers };
  };
  const jobs = billingJobs(prisma, billing, contextOf);
  const queue = await startQueue(app.databaseUrl, jobs, { atStart: [], log });
  await app.ok(`mutation {
    calls: createFeature(input: { id: "calls", type: CONSUMABLE }) { id }
    free: createPackage(input: { id: "free", features: [{ id: "calls", entitlement: { limit: 10, resetPeriod: MONTH } }] }) { id }
    pro: createPackage(input: { id: "pro", features: [{ id: "calls", entitlement: { limit: 1000, resetPeriod: MONTH } }] }) { id }
    extra: createPackage(input: { id: "extra", isAddon: true, features: [{ id: "calls", entitlement: { limit: 5000, resetPeriod: YEAR } }] }) { id }
    a: publishPackage(id: "free") { id } b: publishPackage(id: "pro") { id } c: publishPackage(id: "extra") { id }
  }`);

  /** Waits until no job is left, and no customer that is asked for again. @throws what a job failed with */
  async function settle(): Promise<void> {
    const deadline = Date.now() + jobsTimeoutMs;
    while (Date.now() < deadline) {
      const [row] = await prisma.$queryRaw<[{ open: number; problem: string | null }]>`
        SELECT count(*)::int AS open, max(last_error) AS problem FROM graphile_worker.jobs
        WHERE task_identifier LIKE 'stripe%'`;
      if (row.problem !== null) throw new Error(row.problem);
      const failed = await prisma.stripeCustomer.findMany({ where: { wantedTries: { gt: 0 } } });
      if (failed.some(({ wantedTries }) => wantedTries >= triesAllowed))
        throw new Error(`a customer could not be read:\n${logged.join('')}`);
      if (row.open === 0 && failed.length === 0) return;
      if (row.open === 0) {
        await prisma.stripeCustomer.updateMany({
          where: { wantedTries: { gt: 0 } },
          data: { wantedAt: new Date() },
        });
        await enqueueWanted(prisma, 'test');
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('jobs are left');
  }

  const connectMutation = `mutation ($input: ConnectStripeInput!) {
    connectStripe(input: $input) { accountId import { state } } }`;

  async function post(event: FakeStripe['events'][number], secret = webhookSecret, timestamp?: number) {
    const { payload, header } = stripe.signed(event, secret, timestamp);
    return app.http
      .post('/billing/stripe/webhook')
      .set('Stripe-Signature', header)
      .set('Content-Type', 'application/json')
      .send(payload);
  }
  return {
    app,
    settle,
    /** All that was logged. */
    logged: () => logged.join(''),
    /** Runs what the queue runs every minute. */
    async everyMinute() {
      await jobs[reconcileJob]?.({}, { log, stop: new AbortController().signal, pool: app.jobs });
      await settle();
    },
    post,
    connect: (input: object = {}) =>
      app.ok(connectMutation, { input: { secretKey: 'sk_test_ours', webhookSecret, ...input } }),
    refuseConnection: (input: object) => app.fails(connectMutation, { input }),
    async deliver(events: FakeStripe['events']) {
      for (const event of events) await post(event);
      await settle();
    },
    /** Looks for what the webhook did not bring since then. */
    async reconcile(since: Date) {
      const connected = await billing.open('test');
      if (connected === null) throw new Error('not connected');
      await prisma.stripeConnection.update({
        where: { environmentId: 'test' },
        data: { eventsUntil: since },
      });
      await reconcile(prisma, connected, { now: new Date(), after: null }, Number.POSITIVE_INFINITY);
      await settle();
    },
    async importAll() {
      await app.ok('mutation { importStripe { import { state } } }');
      await settle();
      const { stripeConnection } = await app.ok(
        '{ stripeConnection { import { state prices customers subscriptions problem } } }',
      );
      return stripeConnection.import;
    },
    /** What differs from Stripe. */
    async verify(): Promise<string[]> {
      return (await this.compare()).differences;
    },
    /** What differs from Stripe, and what verify notes besides. */
    async compare(): Promise<{ differences: string[]; notes: string[] }> {
      const connected = await billing.open('test');
      if (connected === null) throw new Error('not connected');
      const differences: string[] = [];
      const notes: string[] = [];
      await verifyStripe(app.database, connected, {
        print: (line) => differences.push(line),
        note: (line) => notes.push(line),
        progress: () => undefined,
        stop: new AbortController().signal,
      });
      return { differences, notes };
    },
    async close() {
      await queue.stop();
      await app.close();
    },
  };
}
