import { describe, expect, it } from '@jest/globals';
import { type Candidate, planIdentify, readTraits } from '../../../src/segment/identify/rules.ts';

const user = (key: number, facts: Partial<Candidate> = {}): Candidate => ({
  key: BigInt(key),
  id: `${key}`,
  email: 'x',
  imported: false,
  ...facts,
});

const noEmail = user(1, { email: null });
const emptyEmail = user(1, { email: '' });
const emailX = user(1, { email: 'x' });
const emailZ = user(1, { email: 'z' });
const own = user(2);
const secondOwn = user(3);
const stripe = user(4, { id: 'x', imported: true });
const secondStripe = user(5, { id: 'x-2', imported: true });

const created = { outcome: 'USER_CREATED' };
const updated = (self: Candidate) => ({ outcome: 'USER_UPDATED', self });
const claimed = (from: Candidate) => ({ outcome: 'USER_CLAIMED', claimed: from });
const merged = (self: Candidate, other: Candidate) => ({ outcome: 'USERS_MERGED', self, other });

/* The original's table, row by row: identify says id 1, email x. */
describe('identify, as the original documents it,', () => {
  it.each<[string, Candidate | null, Candidate[], object]>([
    ['1: gives an email to a user without one', noEmail, [], updated(noEmail)],
    ['2: also when another user has that email', noEmail, [own], updated(noEmail)],
    ['3: updates a user who has the email, beside another who has it too', emailX, [own], updated(emailX)],
    ['4: changes the email when nobody else has the new one', emailZ, [], updated(emailZ)],
    ['5: creates a user beside another with the same email', null, [own], created],
    ['6: changes the email when another user has the new one', emailZ, [own], updated(emailZ)],
    ['7: merges an imported user into a user without email', noEmail, [stripe], merged(noEmail, stripe)],
    ['8: gives the id to an imported user', null, [stripe], claimed(stripe)],
    ['9: creates a user when an imported one is not the only one', null, [stripe, own], created],
    ['10: changes the email, and merges nobody', emailZ, [stripe, own], updated(emailZ)],
  ])('%s', (_name, self, others, plan) => {
    expect(planIdentify(self, others)).toEqual(plan);
  });
});

describe('identify, in every combination of who has the id and who else has the email,', () => {
  const whoHasTheId = { nobody: null, noEmail, emptyEmail, emailX, emailZ };
  const whoHasTheEmail = {
    'nobody else': [],
    'a user of the company': [own],
    'two users of the company': [own, secondOwn],
    'one imported user': [stripe],
    'an imported user and one of the company': [stripe, own],
    'one of the company and an imported user': [own, stripe],
    'two imported users': [stripe, secondStripe],
    'two imported users and one of the company': [stripe, own, secondStripe],
  };
  const exceptions: Record<string, object> = {
    'nobody, one imported user': claimed(stripe),
    'noEmail, one imported user': merged(noEmail, stripe),
    'emptyEmail, one imported user': merged(emptyEmail, stripe),
  };
  const cases = Object.entries(whoHasTheId).flatMap(([selfName, self]) =>
    Object.entries(whoHasTheEmail).map(([othersName, others]) => {
      const usual = self === null ? created : updated(self);
      return { name: `${selfName}, ${othersName}`, self, others, usual };
    }),
  );

  it('knows 40 of them', () => expect(cases).toHaveLength(40));

  it.each(cases)('$name', ({ name, self, others, usual }) => {
    expect(planIdentify(self, others)).toEqual(exceptions[name] ?? usual);
  });

  it('treats an imported user who has the id itself like any other', () => {
    const self = user(1, { imported: true });
    expect(planIdentify(self, [stripe])).toEqual(updated(self));
    expect(planIdentify(self, [])).toEqual(updated(self));
  });
});

describe('the traits of identify', () => {
  it.each<[string, unknown, object]>([
    [
      'are name, email and billing id; the rest is dropped',
      { name: 'John Doe', email: 'john.doe@example.com', billingUserId: 'cus_1', age: 42, plan: 'pro' },
      { name: 'John Doe', email: 'john.doe@example.com', billingId: 'cus_1' },
    ],
    ['take billingId for billingUserId', { billingId: 'cus_2' }, { billingId: 'cus_2' }],
    ['take billingUserId first', { billingId: 'cus_2', billingUserId: 'cus_1' }, { billingId: 'cus_1' }],
    [
      'take billingId when billingUserId is no text',
      { billingId: 'cus_2', billingUserId: 7 },
      { billingId: 'cus_2' },
    ],
    ['are absent when they are absent', {}, {}],
    ['are ignored when they are of the wrong type', { name: 5, email: null, billingUserId: ['cus_1'] }, {}],
    ['are ignored when they are blank', { name: '', email: '  ' }, {}],
    ['are ignored when no user can have them', { name: 'a'.repeat(256), email: 'a\u0000b' }, {}],
    [
      'keep what is right beside what is wrong',
      { name: { first: 'J' }, email: 'j@example.com' },
      { email: 'j@example.com' },
    ],
    ['are no object: ignored', 'John', {}],
    ['are an array: ignored', ['John'], {}],
    ['are null: ignored', null, {}],
    ['are missing: ignored', undefined, {}],
    ['are not taken from a prototype', JSON.parse('{"__proto__": {"name": "Mallory"}}'), {}],
  ])('%s', (_name, traits, expected) => {
    expect(readTraits({ userId: '1', traits })).toEqual(expected);
  });

  it('stand in the context where there are none', () => {
    const context = { traits: { email: 'ada@example.com' } };
    expect(readTraits({ context })).toEqual({ email: 'ada@example.com' });
    expect(readTraits({ traits: null, context })).toEqual({ email: 'ada@example.com' });
    expect(readTraits({ traits: { name: 'Ada' }, context })).toEqual({ name: 'Ada' });
    expect(readTraits({ context: { traits: 'Ada' } })).toEqual({});
    expect(readTraits({ context: null })).toEqual({});
  });
});
