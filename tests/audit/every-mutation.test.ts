import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { isObjectType } from 'graphql';
import { schema } from '../../src/graphql/schema.ts';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { operationOf } from '../helpers/operations.ts';
import { type Arguments, mutations, nested } from '../isolation/operations.ts';
import { startWorldsStripe } from '../isolation/stripe.ts';
import { createWorld, type Names, type Rows, readRows } from '../isolation/world.ts';

// Every mutation of the schema is called. It must leave a trace in the audit log, or be on this list with a reason.

const withoutTrace: Record<string, string> = {
  createUsageEvent: 'The ledger tells of usage.',
  recordUsage: 'The ledger tells of usage.',
  recordUsages: 'The ledger tells of usage.',
  reserveUsage: 'The reservation is stored.',
  commitReservation: 'The ledger tells of usage.',
  releaseReservation: 'The reservation is stored, with its end.',
  ingestSegmentEvent: 'The event is stored, with what became of it.',
  removeDemoData: 'There is none here; tests/provisioning has some.',
  generateSubscriptionLink: 'It changes nothing.',
  generatePortalLink: 'It changes nothing.',
  generateUserToken: 'It changes nothing, and may be called with every page that a customer loads.',
};

const found = schema.getType('Mutation');
const fields = isObjectType(found) ? Object.values(found.getFields()) : [];
const calls = fields.flatMap((field) =>
  (mutations[field.name]?.calls ?? []).map((call, index) => ({
    name: `${field.name}, call ${index + 1}`,
    field,
    call,
  })),
);
const traced = calls.filter(({ field }) => !(field.name in withoutTrace));
const untraced = calls.filter(({ field }) => field.name in withoutTrace);

let app: TestApp;
let stripe: Awaited<ReturnType<typeof startWorldsStripe>>;
let rows: Rows;
let its: Names;

beforeAll(async () => {
  stripe = await startWorldsStripe();
  app = await startTestApp({ stripeApiBase: stripe.url });
  its = await createWorld(app.database.prisma, 'test', '');
  rows = await readRows(app.database);
});
beforeEach(() => rows.restore());
afterAll(async () => {
  await app.close();
  await stripe.stop();
});

async function send(field: (typeof fields)[number], call: Arguments) {
  const variables = call(its);
  const inner = Object.fromEntries(Object.entries(nested).map(([name, args]) => [name, args(its)]));
  const query = operationOf('mutation', field, Object.keys(variables), inner);
  const { body } = await app.http
    .post('/graphql')
    .set('Authorization', app.keys.test)
    .send({ query, variables });
  return body;
}

const log = () => app.database.prisma.auditEntry.findMany({ orderBy: { id: 'asc' } });

test('every mutation is called here, and every exception still exists', () => {
  const names = fields.map(({ name }) => name);
  expect(names.filter((name) => !calls.some(({ field }) => field.name === name))).toEqual([]);
  expect(Object.keys(withoutTrace).filter((name) => !names.includes(name))).toEqual([]);
});

describe.each(traced)('$name', ({ field, call }) => {
  test('leaves its trace, with whoever did it', async () => {
    const before = await log();
    expect(await send(field, call)).not.toHaveProperty('errors');
    const added = (await log()).slice(before.length);
    expect(added.length).toBeGreaterThan(0);
    for (const entry of added) {
      expect(entry).toMatchObject({ environmentId: 'test', authorKind: 'PRIVATE_KEY' });
      expect(entry.lastFour).toBe(app.keys.test.slice(-4));
      expect(entry.keyId).not.toBeNull();
    }
  });

  test('is undone when its trace cannot be written', async () => {
    const before = await rows.of('test');
    await app.database.prisma
      .$executeRaw`ALTER TABLE audit_entry ADD CONSTRAINT full_up CHECK (false) NOT VALID`;
    try {
      const { errors } = await send(field, call);
      expect(errors[0].extensions.code).toBe('INTERNAL_SERVER_ERROR');
    } finally {
      await app.database.prisma.$executeRaw`ALTER TABLE audit_entry DROP CONSTRAINT full_up`;
    }
    expect(await rows.of('test')).toEqual(before);
  });
});

test.each(untraced)('$name leaves none', async ({ field, call }) => {
  const before = await log();
  await send(field, call);
  expect(await log()).toEqual(before);
});
