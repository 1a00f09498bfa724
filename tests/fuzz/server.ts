import { expect } from '@jest/globals';
import { pino } from 'pino';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { startWorldsStripe } from '../isolation/stripe.ts';
import { createWorld, type Names, type Rows, readRows } from '../isolation/world.ts';

export interface FuzzedServer {
  app: TestApp;
  its: Names;
  /** Texts that mean something to the server: ids, statuses, words of its inputs. */
  known: string[];
  /** Makes the world what it was. */
  restore(): Promise<void>;
  /** Fails if the server took anything for a fault of its own, or wrote a row of the other environment. */
  expectUnharmed(): Promise<void>;
  close(): Promise<void>;
}

/** A server whose environments hold one of everything. */
export async function startFuzzedServer(): Promise<FuzzedServer> {
  const faults: string[] = [];
  const stripe = await startWorldsStripe();
  const app = await startTestApp({
    stripeApiBase: stripe.url,
    log: pino({ level: 'error' }, { write: (line) => faults.push(line) }),
  });
  const onFault = (error: unknown) => faults.push(String((error as Error)?.stack ?? error));
  process.on('uncaughtException', onFault).on('unhandledRejection', onFault);
  const its = await createWorld(app.database.prisma, 'test', '');
  await createWorld(app.database.prisma, 'live', '');
  const rows: Rows = await readRows(app.database);
  const live = await rows.of('live');
  return {
    app,
    its,
    known: [...Object.values(its), 'ALL', 'PUBLISHED', 'Called', 'properties.featureId', 'a@example.com'],
    restore: rows.restore,
    async expectUnharmed() {
      expect(faults.splice(0)).toEqual([]);
      expect(await rows.of('live')).toEqual(live);
      expect(Object.keys(Object.prototype)).toEqual([]);
      expect((await app.http.post('/graphql').send({ query: '{ __typename }' })).body).toEqual({
        data: { __typename: 'Query' },
      });
    },
    async close() {
      process.off('uncaughtException', onFault).off('unhandledRejection', onFault);
      await app.close();
      await stripe.stop();
    },
  };
}
