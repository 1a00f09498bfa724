import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { releaseOnArrival } from '../../../src/segment/arrival.ts';
import { createAdmission } from '../../../src/users/arrival.ts';
import { startTestApp, type TestApp } from '../../helpers/app.ts';
import { createFeature, createPackage, createSubscription } from '../../helpers/factories.ts';
import { identifyEvent, ingest, postEvents, trackEvent, usageOf } from '../../helpers/segment.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'messages' });
  await createPackage(prisma, { id: 'base', features: ['messages'] });
});
afterAll(() => app.close());

interface Facts {
  id: string;
  email?: string | null;
  name?: string;
  billingId?: string;
  imported?: boolean;
  metadata?: object;
}

const make = (facts: Facts) => app.database.prisma.user.create({ data: { ...facts, environmentId: 'test' } });
/** A user whom a billing provider brought: the id is the email. */
const makeImported = (email: string, facts: Partial<Facts> = {}) =>
  make({ id: email, email, imported: true, billingId: `cus_${email}`, ...facts });

/** Everyone with this email or one of these ids, merged ones left out. */
async function people(email: string, ...ids: string[]) {
  const users = await app.database.prisma.user.findMany({
    where: { environmentId: 'test', mergedInto: null, OR: [{ email }, { id: { in: ids } }] },
    orderBy: { key: 'asc' },
  });
  return users.map(({ id, email: has, name, billingId, imported }) => ({
    id,
    email: has,
    name,
    billingId,
    imported,
  }));
}

const person = (facts: Facts) => ({ email: null, name: null, billingId: null, imported: false, ...facts });

describe('identify makes true what the original documents:', () => {
  it.each<[string, Facts[], string, Facts[]]>([
    ['1', [{ id: '1' }], 'USER_UPDATED', [{ id: '1', email: 'x' }]],
    [
      '2',
      [{ id: '1' }, { id: '2', email: 'x' }],
      'USER_UPDATED',
      [
        { id: '1', email: 'x' },
        { id: '2', email: 'x' },
      ],
    ],
    [
      '3',
      [
        { id: '1', email: 'x' },
        { id: '2', email: 'x' },
      ],
      'USER_UPDATED',
      [
        { id: '1', email: 'x' },
        { id: '2', email: 'x' },
      ],
    ],
    [
      '4',
      [
        { id: '1', email: 'z' },
        { id: '2', email: 'z' },
      ],
      'USER_UPDATED',
      [
        { id: '1', email: 'x' },
        { id: '2', email: 'z' },
      ],
    ],
    [
      '5',
      [{ id: '3', email: 'x' }],
      'USER_CREATED',
      [
        { id: '3', email: 'x' },
        { id: '1', email: 'x' },
      ],
    ],
    [
      '6',
      [
        { id: '1', email: 'z' },
        { id: '3', email: 'x' },
      ],
      'USER_UPDATED',
      [
        { id: '1', email: 'x' },
        { id: '3', email: 'x' },
      ],
    ],
    ['7', [{ id: '1' }, { id: 'x', email: 'x', imported: true }], 'USERS_MERGED', [{ id: '1', email: 'x' }]],
    [
      '7, the imported user being older',
      [{ id: 'x', email: 'x', imported: true }, { id: '1' }],
      'USERS_MERGED',
      [{ id: '1', email: 'x' }],
    ],
    ['8', [{ id: 'x', email: 'x', imported: true }], 'USER_CLAIMED', [{ id: '1', email: 'x' }]],
    [
      '9',
      [
        { id: 'x', email: 'x', imported: true },
        { id: '2', email: 'x' },
      ],
      'USER_CREATED',
      [
        { id: 'x', email: 'x', imported: true },
        { id: '2', email: 'x' },
        { id: '1', email: 'x' },
      ],
    ],
    [
      '10',
      [
        { id: '1', email: 'z' },
        { id: 'x', email: 'x', imported: true },
        { id: '2', email: 'x' },
      ],
      'USER_UPDATED',
      [
        { id: '1', email: 'x' },
        { id: 'x', email: 'x', imported: true },
        { id: '2', email: 'x' },
      ],
    ],
  ])('row %s', async (row, before, outcome, after) => {
    // Ids and emails of their own for each row.
    const own = (facts: Facts): Facts => ({
      ...facts,
      id: `${row}/${facts.id}`,
      ...(facts.email ? { email: `${row}/${facts.email}` } : {}),
    });
    for (const facts of before) await make(own(facts));
    const answer = await ingest(app, identifyEvent(`${row}/1`, { email: `${row}/x`, name: 'New' }));
    expect(answer).toMatchObject({ outcome, user: { id: `${row}/1` } });
    const ids = ['1', '2', '3', 'x'].map((id) => `${row}/${id}`);
    const expected = after.map((facts) =>
      person({ ...own(facts), ...(facts.id === '1' ? { name: 'New' } : {}) }),
    );
    expect(await people(`${row}/x`, ...ids)).toEqual(expected);
  });
});

describe('identify', () => {
  it('changes only what the event says', async () => {
    await make({
      id: 'only',
      email: 'a@x',
      name: 'Before',
      billingId: 'cus_before',
      metadata: { kept: true },
    });
    await ingest(app, identifyEvent('only', { name: 'After', age: 42, email: null, billingUserId: 7 }));
    const { user } = await app.ok(`{ user(id: "only") { name email billingId metadata } }`);
    expect(user).toEqual({ name: 'After', email: 'a@x', billingId: 'cus_before', metadata: { kept: true } });
  });

  it('with nothing but an id makes a user, or leaves one as it is', async () => {
    expect((await ingest(app, identifyEvent('bare'))).outcome).toBe('USER_CREATED');
    expect((await ingest(app, { type: 'identify', userId: 'bare', messageId: 'bare 2' })).outcome).toBe(
      'USER_UPDATED',
    );
    expect(await people('nobody@x', 'bare')).toEqual([person({ id: 'bare' })]);
  });

  it('never takes users for each other who have no email', async () => {
    await make({ id: 'empty', email: '', imported: true });
    expect((await ingest(app, identifyEvent('other', { email: '' }))).outcome).toBe('USER_CREATED');
  });

  it('follows a user who was merged', async () => {
    await make({ id: 'old', name: 'Old' });
    await make({ id: 'survivor' });
    await app.ok(`mutation { mergeUsers(ids: ["old", "survivor"]) { id } }`);
    expect(await ingest(app, identifyEvent('survivor', { name: 'Newer' }))).toMatchObject({
      outcome: 'USER_UPDATED',
      user: { id: 'old' },
    });
    expect(await people('nobody@x', 'old', 'survivor')).toEqual([person({ id: 'old', name: 'Newer' })]);
  });

  it('gives an imported user, with its subscription and usage, the id of the company', async () => {
    await makeImported('claim@x');
    await createSubscription(app.database.prisma, {
      userId: 'claim@x',
      packageId: 'base',
      startedAt: new Date(0),
    });
    await ingest(app, trackEvent({ userId: 'claim@x', properties: { featureId: 'messages', delta: 3 } }));
    expect((await ingest(app, identifyEvent('claimed', { email: 'claim@x' }))).outcome).toBe('USER_CLAIMED');
    expect(await people('claim@x')).toEqual([
      person({ id: 'claimed', email: 'claim@x', billingId: 'cus_claim@x' }),
    ]);
    expect((await usageOf(app.database, 'messages')).claimed).toEqual({ events: 1, delta: 3, windows: [3] });
    expect((await ingest(app, identifyEvent('second', { email: 'claim@x' }))).outcome).toBe('USER_CREATED');
  });

  it('merges an imported user with all that it owns, and both ids lead to one', async () => {
    const { prisma } = app.database;
    await makeImported('merge@x', { name: 'Imported' });
    await createSubscription(prisma, { userId: 'merge@x', packageId: 'base', startedAt: new Date(0) });
    await make({ id: 'merge' });
    for (const userId of ['merge', 'merge@x'])
      await ingest(app, trackEvent({ userId, properties: { featureId: 'messages', delta: 2 } }));
    expect(await ingest(app, identifyEvent('merge', { email: 'merge@x', name: 'Said' }))).toMatchObject({
      outcome: 'USERS_MERGED',
      user: { id: 'merge' },
    });
    expect(await people('merge@x', 'merge')).toEqual([
      person({ id: 'merge', email: 'merge@x', name: 'Said', billingId: 'cus_merge@x' }),
    ]);
    await ingest(app, trackEvent({ userId: 'merge@x', properties: { featureId: 'messages', delta: 2 } }));
    expect((await usageOf(app.database, 'messages')).merge).toEqual({ events: 3, delta: 6, windows: [6] });
  });

  it('gives a user who is known by the email the company’s word for it: nobody claims it later', async () => {
    await makeImported('known@x');
    expect((await ingest(app, identifyEvent('known@x', { email: 'known@x' }))).outcome).toBe('USER_UPDATED');
    expect((await ingest(app, identifyEvent('7', { email: 'known@x' }))).outcome).toBe('USER_CREATED');
  });
});

describe('when many identify at once', () => {
  const times = (count: number, send: (index: number) => Promise<string>) =>
    Promise.all(Array.from({ length: count }, (_, index) => send(index)));
  const tally = (outcomes: string[]) =>
    Object.fromEntries(
      [...new Set(outcomes)].sort().map((each) => [each, outcomes.filter((one) => one === each).length]),
    );
  const send = async (userId: string, traits: object) =>
    (await ingest(app, identifyEvent(userId, traits))).outcome;

  it('ten who bring one new person make one user', async () => {
    const outcomes = await times(10, (index) => send('new person', { name: `${index}`, email: 'new@x' }));
    expect(tally(outcomes)).toEqual({ USER_CREATED: 1, USER_UPDATED: 9 });
    expect(await people('new@x')).toHaveLength(1);
  });

  it('ten who bring one event make one user, and nine duplicates', async () => {
    const event = identifyEvent('one event');
    const outcomes = await times(10, async (index) =>
      index % 2 ? (await ingest(app, event)).outcome : (await postEvents(app, event)).body.outcome,
    );
    expect(tally(outcomes)).toEqual({ DUPLICATE: 9, USER_CREATED: 1 });
  });

  it('of ten new ids with the email of an imported user, one claims it', async () => {
    await makeImported('race@x');
    const outcomes = await times(10, (index) => send(`race ${index}`, { email: 'race@x' }));
    expect(tally(outcomes)).toEqual({ USER_CLAIMED: 1, USER_CREATED: 9 });
    expect((await people('race@x')).filter(({ billingId }) => billingId)).toHaveLength(1);
  });

  it('ten who could merge an imported user merge it once', async () => {
    await makeImported('merge-race@x');
    await make({ id: 'merge-race' });
    const outcomes = await times(10, () => send('merge-race', { email: 'merge-race@x' }));
    expect(tally(outcomes)).toEqual({ USERS_MERGED: 1, USER_UPDATED: 9 });
    expect(await people('merge-race@x')).toEqual([
      person({ id: 'merge-race', email: 'merge-race@x', billingId: 'cus_merge-race@x' }),
    ]);
  });

  it('who exchange their emails never wait for each other without end', async () => {
    for (const id of ['left', 'right']) await make({ id, email: `${id}@x` });
    const outcomes = await times(40, (index) =>
      send(index % 2 ? 'left' : 'right', { email: index % 3 ? 'left@x' : 'right@x' }),
    );
    expect(tally(outcomes)).toEqual({ USER_UPDATED: 40 });
  });

  it('createUser of the same person fails or makes the user, never both', async () => {
    const create = `mutation { createUser(input: { id: "contested" }) { id } }`;
    const post = () => app.http.post('/graphql').set('Authorization', app.keys.test).send({ query: create });
    const [created, outcomes] = await Promise.all([
      Promise.all(Array.from({ length: 5 }, async () => !(await post()).body.errors)),
      times(5, () => send('contested', {})),
    ]);
    expect(created.filter(Boolean).length + outcomes.filter((each) => each === 'USER_CREATED').length).toBe(
      1,
    );
    expect(await people('nobody@x', 'contested')).toHaveLength(1);
  });

  it('the imported user may be deleted, renamed and merged meanwhile', async () => {
    for (let round = 0; round < 10; round += 1) {
      const email = `moving-${round}@x`;
      await makeImported(email);
      await make({ id: `into-${round}` });
      const change = [
        `mutation { deleteUser(id: "${email}") { id } }`,
        `mutation { updateUser(id: "${email}", input: { id: "own-${round}" }) { id } }`,
        `mutation { mergeUsers(ids: ["into-${round}", "${email}"]) { id } }`,
      ][round % 3];
      const [outcome] = await Promise.all([
        send(`identified-${round}`, { email }),
        app.http.post('/graphql').set('Authorization', app.keys.test).send({ query: change }),
      ]);
      expect(['USER_CREATED', 'USER_CLAIMED']).toContain(outcome);
      const [identified] = await people('nobody@x', `identified-${round}`);
      expect(identified).toMatchObject({ email, imported: false });
    }
  });
});

describe('identify and the makers of users', () => {
  it('take ids before rows, in one order', async () => {
    // Someone renames a user to an id that an event waits for, while that user's usage is recorded.
    const admitUsers = createAdmission(app.database.prisma, [
      releaseOnArrival(app.database, { error: () => undefined } as never),
    ]);
    await make({ id: 'renamed 0' });
    for (let round = 0; round < 20; round += 1) {
      const next = `renamed ${round + 1}`;
      const events = [`renamed ${round}`, next].map((userId) =>
        trackEvent({ userId, properties: { featureId: 'messages' } }),
      );
      await Promise.all([
        postEvents(app, events),
        admitUsers('test', [next], (tx) =>
          tx.user.update({
            where: { environmentId_id: { environmentId: 'test', id: `renamed ${round}` } },
            data: { id: next },
          }),
        ),
      ]);
    }
    const usage = await usageOf(app.database, 'messages');
    const waiting = await app.database.prisma.segmentEvent.count({
      where: { userId: { startsWith: 'renamed' }, outcome: 'PENDING_USER' },
    });
    expect((usage['renamed 20']?.events ?? 0) + waiting).toBe(40);
  });
});
