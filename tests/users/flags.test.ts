import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { statementsOf } from '../helpers/statements.ts';

const flagged = `query ($first: Int, $after: String) {
  flaggedUsers {
    withoutBillingId(first: $first, after: $after) { id }
    sameEmail(first: $first, after: $after) { id email }
    sameBillingId(first: $first, after: $after) { id billingId }
  }
}`;

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  await createUsers('test', [
    { id: 'paying', billingId: 'cus_1', email: 'paying@x.io' },
    { id: 'free', email: 'free@x.io' },
    { id: 'twin-b', billingId: 'cus_2', email: 'twin@x.io' },
    { id: 'twin-a', email: 'twin@x.io' },
    { id: 'Twin', billingId: 'cus_3', email: 'Twin@x.io' },
    { id: 'nameless-1', billingId: 'cus_4' },
    { id: 'nameless-2', billingId: 'cus_5' },
    { id: 'empty-1', billingId: 'cus_6', email: '' },
    { id: 'empty-2', billingId: 'cus_7', email: '' },
    { id: 'late twin', billingId: 'cus_8', email: 'twin@x.io' },
  ]);
  await createUsers('live', [
    { id: 'abroad', email: 'paying@x.io' },
    { id: 'free', email: 'free@x.io' },
  ]);
});
afterAll(() => app.close());

interface NewUser {
  id: string;
  email?: string;
  billingId?: string;
}

/** Makes users in this order. */
async function createUsers(environmentId: string, users: NewUser[]) {
  const data = users.map((user, index) => ({ ...user, environmentId, createdAt: new Date(index + 1) }));
  await app.database.prisma.user.createMany({ data });
}

const ids = (users: { id: string }[]) => users.map(({ id }) => id);
const flags = async (page: object = {}, key?: string) => {
  const { flaggedUsers } = await app.ok(flagged, page, key);
  return { withoutBillingId: ids(flaggedUsers.withoutBillingId), sameEmail: ids(flaggedUsers.sameEmail) };
};

describe('flaggedUsers', () => {
  it('names users without a billing id, and users who share an email, whatever its case', async () => {
    expect(await flags()).toEqual({
      withoutBillingId: ['free', 'twin-a'],
      sameEmail: ['twin-b', 'twin-a', 'Twin', 'late twin'],
    });
  });

  it('looks at the environment of the key alone', async () => {
    expect(await flags({}, app.keys.live)).toEqual({ withoutBillingId: ['abroad', 'free'], sameEmail: [] });
  });

  it('is paged with first and after', async () => {
    expect(await flags({ first: 1 })).toEqual({ withoutBillingId: ['free'], sameEmail: ['twin-b'] });
    expect(await flags({ first: 1, after: 'twin-b' })).toEqual({
      withoutBillingId: ['twin-a'],
      sameEmail: ['twin-a'],
    });
    expect(await flags({ after: 'twin-a' })).toEqual({
      withoutBillingId: [],
      sameEmail: ['Twin', 'late twin'],
    });
    expect(await flags({ after: 'late twin' })).toEqual({ withoutBillingId: [], sameEmail: [] });
  });

  it.each([
    ['first: 0', 'first: must be at least 1'],
    ['first: 1001', 'first: must be at most 1000'],
    ['after: "nobody"', 'after: there is no item with the id "nobody"'],
    ['after: "abroad"', 'after: there is no item with the id "abroad"'],
  ])('refuses %s', async (args, message) => {
    for (const flag of ['withoutBillingId', 'sameEmail']) {
      expect(await app.fails(`{ flaggedUsers { ${flag}(${args}) { id } } }`)).toMatchObject({
        message,
        path: ['flaggedUsers', flag],
        extensions: { code: 'BAD_USER_INPUT', exception: { name: 'ValidationError', message } },
      });
    }
  });

  it('asks the database as often for many users as for few', async () => {
    expect(await statementsOf(() => flags({ first: 1 }))).toHaveLength(5);
    expect(await statementsOf(() => flags())).toHaveLength(5);
  });

  it('flags nobody for the users who were merged, nor them', async () => {
    await app.ok('mutation { mergeUsers(ids: ["twin-a", "twin-b", "late twin"]) { id } }');
    expect(await flags()).toEqual({ withoutBillingId: ['free'], sameEmail: ['twin-b', 'Twin'] });
  });

  it('asks for paging where there are more than 10,000', async () => {
    const data = Array.from({ length: 10_001 }, (_, index) => ({
      id: `crowd-${index}`,
      email: 'crowd@x.io',
    }));
    await createUsers('live', data);
    const message = 'first: there are more than 10000 items; page through them with first and after';
    for (const flag of ['withoutBillingId', 'sameEmail'])
      expect(await app.fails(`{ flaggedUsers { ${flag} { id } } }`, {}, app.keys.live)).toMatchObject({
        message,
      });
    expect((await flags({ first: 1_000 }, app.keys.live)).sameEmail).toHaveLength(1_000);
  });

  it('needs a private key', async () => {
    const refused = { extensions: { code: 'UNAUTHENTICATED' } };
    expect(await app.fails(flagged, {}, app.keys.publicTest)).toMatchObject(refused);
  });

  it('names users who share a billing id', async () => {
    await createUsers('test', [
      { id: 'bill-1', billingId: 'cus_shared', email: 'bill-1@x.io' },
      { id: 'bill-2', billingId: 'cus_shared', email: 'bill-2@x.io' },
      { id: 'bill-3', billingId: '', email: 'bill-3@x.io' },
      { id: 'bill-4', billingId: '', email: 'bill-4@x.io' },
    ]);
    const { flaggedUsers } = await app.ok(flagged);
    expect(ids(flaggedUsers.sameBillingId)).toEqual(['bill-1', 'bill-2']);
  });
});
