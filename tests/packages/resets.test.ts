import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { invalidInput } from '../helpers/errors.ts';
import { createFeature, createSubscription, createUser } from '../helpers/factories.ts';

/* When usage resets: what packages say of it, and the windows that follow. */

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createFeature(app.database.prisma, { id: 'calls' });
});
afterAll(() => app.close());

const terms = 'features { resetPeriod resetEvery resetAnchor timeZone }';
const create = `mutation ($input: CreatePackageInput!) { createPackage(input: $input) { ${terms} } }`;
const setZone = `mutation ($input: UpdateEnvironmentInput!) { updateEnvironment(input: $input) { id timeZone } }`;

let number = 0;
/** Creates a package with this allowance of `calls`; answers its id. */
async function createdWith(entitlement: object): Promise<string> {
  number += 1;
  const id = `package-${number}`;
  await app.ok(create, { input: { id, features: [{ id: 'calls', entitlement }] } });
  return id;
}
const inputOf = (entitlement: object) => ({
  input: { id: 'refused', features: [{ id: 'calls', entitlement }] },
});

describe('the terms of a package feature', () => {
  it.each([
    [
      { resetPeriod: 'MONTH' },
      { resetPeriod: 'MONTH', resetEvery: 1, resetAnchor: 'SUBSCRIPTION', timeZone: null },
    ],
    [
      { resetPeriod: 'HOUR', resetEvery: 5, resetAnchor: 'SUBSCRIPTION' },
      { resetPeriod: 'HOUR', resetEvery: 5, resetAnchor: 'SUBSCRIPTION', timeZone: null },
    ],
    [
      { resetPeriod: 'WEEK', resetAnchor: 'CALENDAR', timeZone: 'Asia/Kolkata' },
      { resetPeriod: 'WEEK', resetEvery: 1, resetAnchor: 'CALENDAR', timeZone: 'Asia/Kolkata' },
    ],
    [
      { resetPeriod: 'QUARTER', resetAnchor: 'CALENDAR' },
      { resetPeriod: 'QUARTER', resetEvery: 1, resetAnchor: 'CALENDAR', timeZone: 'UTC' },
    ],
    [undefined, { resetPeriod: null, resetEvery: 1, resetAnchor: null, timeZone: null }],
  ])('are what was given: %j', async (entitlement, expected) => {
    const id = await createdWith(entitlement as object);
    const { package: found } = await app.ok(`query ($id: String!) { package(id: $id) { ${terms} } }`, { id });
    expect(found.features).toEqual([expected]);
  });

  const zone = 'must be the name of an IANA time zone, such as "Europe/Berlin", or "UTC"';
  it.each<[object, string, string]>([
    [{ resetEvery: 0 }, 'resetEvery', 'must be 1 or more'],
    [{ resetEvery: 1_001 }, 'resetEvery', 'must be at most 1000'],
    [{ timeZone: 'Europe/Berlin' }, 'timeZone', 'is only for windows of the calendar'],
    [{ resetAnchor: 'CALENDAR', timeZone: 'Europe/Atlantis' }, 'timeZone', zone],
    [{ resetAnchor: 'CALENDAR', timeZone: '' }, 'timeZone', zone],
    // PostgreSQL reads these as fixed offsets.
    [{ resetAnchor: 'CALENDAR', timeZone: 'CET' }, 'timeZone', zone],
    [{ resetAnchor: 'CALENDAR', timeZone: '+02:00' }, 'timeZone', zone],
  ])('are refused where they are none: %j', async (wrong, field, message) => {
    const error = await app.fails(create, inputOf({ resetPeriod: 'DAY', ...wrong }));
    expect(error).toMatchObject(invalidInput(`input.features.0.entitlement.${field}: ${message}`));
  });

  it('can be changed in a draft, and the audit log tells', async () => {
    const id = await createdWith({ resetPeriod: 'DAY' });
    const update = `mutation ($id: String!, $input: UpdateDraftPackageInput!) {
      updateDraftPackage(id: $id, input: $input) { ${terms} } }`;
    const entitlement = {
      resetPeriod: 'DAY',
      resetEvery: 2,
      resetAnchor: 'CALENDAR',
      timeZone: 'Europe/Berlin',
    };
    await app.ok(update, { id, input: { features: [{ id: 'calls', entitlement }] } });
    const { auditLog } = await app.ok(
      `query ($id: String!) { auditLog(subjectType: PACKAGE, subjectId: $id, first: 1) { before after } }`,
      { id },
    );
    expect(auditLog[0]).toMatchObject({
      before: { features: [{ resetPeriod: 'DAY', resetEvery: 1, timeZone: null }] },
      after: { features: [{ resetPeriod: 'DAY', resetEvery: 2, timeZone: 'Europe/Berlin' }] },
    });
  });
});

describe('the time zone of the environment', () => {
  it('is what package features get that name none, and stays theirs', async () => {
    expect(await app.ok('{ environment { id timeZone } }')).toEqual({
      environment: { id: 'test', timeZone: 'UTC' },
    });
    await app.ok(setZone, { input: { timeZone: 'America/New_York' } });
    const id = await createdWith({ resetPeriod: 'MONTH', resetAnchor: 'CALENDAR' });
    expect(await app.ok(setZone, { input: { timeZone: null } })).toEqual({
      updateEnvironment: { id: 'test', timeZone: 'UTC' },
    });
    const { package: found } = await app.ok(`query ($id: String!) { package(id: $id) { ${terms} } }`, { id });
    expect(found.features[0].timeZone).toBe('America/New_York');
    const { auditLog } = await app.ok('{ auditLog(subjectType: ENVIRONMENT) { action before after } }');
    expect(auditLog).toEqual([
      {
        action: 'updateEnvironment',
        before: { timeZone: 'America/New_York' },
        after: { timeZone: null },
      },
      {
        action: 'updateEnvironment',
        before: { timeZone: null },
        after: { timeZone: 'America/New_York' },
      },
    ]);
  });

  it('is refused where there is no such zone', async () => {
    const error = await app.fails(setZone, { input: { timeZone: 'Mars/Olympus' } });
    expect(error.message).toMatch(/^input\.timeZone: must be the name of an IANA time zone/);
  });
});

it('counts usage in calendar months in Berlin, however it is recorded', async () => {
  const { prisma } = app.database;
  const packageId = await createdWith({
    limit: 10,
    resetPeriod: 'MONTH',
    resetAnchor: 'CALENDAR',
    timeZone: 'Europe/Berlin',
  });
  await app.ok('mutation ($id: String!) { publishPackage(id: $id) { id } }', { id: packageId });
  await createUser(prisma, { id: 'anna' });
  const startedAt = new Date('2024-02-10T12:00:00Z');
  await createSubscription(prisma, { userId: 'anna', packageId, startedAt });

  const usage = (timestamp: string, delta: number, more: object = {}) => ({
    userId: 'anna',
    featureId: 'calls',
    timestamp,
    delta,
    ...more,
  });
  const { recordUsages } = await app.ok(
    `mutation ($input: [CreateUsageEventInput!]!) {
      recordUsages(input: $input) { recorded error { message } } }`,
    {
      input: [
        usage('2024-02-29T22:59:59.999Z', 1),
        usage('2024-02-29T23:00:00Z', 2),
        usage('2024-03-31T21:59:59Z', 8, { enforce: true }),
        usage('2024-03-31T21:59:59Z', 1, { enforce: true }),
        usage('2024-03-31T22:00:00Z', 7, { action: 'SET' }),
      ],
    },
  );
  expect(recordUsages.map(({ recorded }: { recorded: boolean }) => recorded)).toEqual([
    true,
    true,
    true,
    false,
    true,
  ]);
  await app.ok('mutation ($input: CreateUsageEventInput!) { recordUsage(input: $input) { recorded } }', {
    input: { userId: 'anna', featureId: 'calls', delta: 3 },
  });

  const { showUsage } = await app.ok(`{ showUsage(userId: "anna", featureId: "calls", pastPeriods: 120) {
    current { periodStart periodEnd consumption { used budget } }
    past { periodStart periodEnd consumption { used } } } }`);
  expect(showUsage.current.consumption).toEqual({ used: 3, budget: 10 });
  // The first window begins with the subscription.
  expect(showUsage.past.slice(-3)).toEqual([
    {
      periodStart: '2024-03-31T22:00:00.000Z',
      periodEnd: '2024-04-30T22:00:00.000Z',
      consumption: { used: 7 },
    },
    {
      periodStart: '2024-02-29T23:00:00.000Z',
      periodEnd: '2024-03-31T22:00:00.000Z',
      consumption: { used: 10 },
    },
    {
      periodStart: '2024-02-10T12:00:00.000Z',
      periodEnd: '2024-02-29T23:00:00.000Z',
      consumption: { used: 1 },
    },
  ]);
  expect(showUsage.past[0].periodEnd).toBe(showUsage.current.periodStart);
});

it('comes and goes with a catalogue file', async () => {
  const yaml = `features: [{ id: calls, name: calls, type: CONSUMABLE }]
packages:
  published:
    - id: filed
      name: filed
      features:
        - { id: calls, limit: 10, reset_period: WEEK, reset_every: 2, reset_anchor: CALENDAR, time_zone: Asia/Kolkata }
`;
  const publish = `mutation ($yaml: String!) { publishCatalogue(yaml: $yaml) { yaml findings { message details } } }`;
  const { publishCatalogue } = await app.ok(publish, { yaml }, app.keys.live);
  expect(publishCatalogue.findings[1]).toEqual({
    message: 'New published package "filed".',
    details: ['"calls": 10 every 2 calendar weeks, Asia/Kolkata'],
  });
  expect(publishCatalogue.yaml).toContain(
    'reset_period: WEEK\n          reset_every: 2\n          reset_anchor: CALENDAR\n          time_zone: Asia/Kolkata\n',
  );
  // Without a zone in the file, a package keeps its own.
  const { publishCatalogue: again } = await app.ok(
    publish,
    { yaml: yaml.replace(', time_zone: Asia/Kolkata', '') },
    app.keys.live,
  );
  expect(again.findings.filter(({ message }: { message: string }) => message.includes('filed'))).toEqual([]);
  const moved = await app.ok(publish, { yaml: yaml.replace('Asia/Kolkata', 'Europe/Berlin') }, app.keys.live);
  expect(moved.publishCatalogue.findings[0].message).toContain(
    'time zone of "calls" "Asia/Kolkata" becomes "Europe/Berlin"',
  );
});
