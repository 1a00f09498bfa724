import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { importConflict, invalidInput } from '../../../src/errors.ts';
import type { Facts } from '../../../src/users/import/csv-rules.ts';
import { type DirectoryUser, openDirectory } from '../../../src/users/import/directory-rules.ts';
import { planImport } from '../../../src/users/import/plan-rules.ts';
import { seed } from '../../fuzz/settings.ts';

const nobody = { name: null, email: null, billingId: null, metadata: {}, imported: false };
const user = (key: number, id: string, facts: Partial<DirectoryUser> = {}): DirectoryUser => ({
  ...nobody,
  key: BigInt(key),
  id,
  ...facts,
});
/** Whom an import from a billing provider made. */
const customer = (key: number, email: string, billingId: string | null = null) =>
  user(key, email, { email, billingId, imported: true });

/** Plans rows that begin on line 2; the signposts lead to the users of these keys. */
function plan(users: DirectoryUser[], facts: Facts[], signposts: Record<string, number> = {}) {
  const posts = Object.entries(signposts).map(([id, key]) => ({ id, survivorKey: BigInt(key) }));
  const directory = openDirectory(users, posts);
  return planImport(
    facts.map((each, index) => ({ line: index + 2, facts: each })),
    directory,
  );
}
function planOne(users: DirectoryUser[], facts: Facts, signposts?: Record<string, number>) {
  const [planned] = plan(users, [facts], signposts);
  if (planned === undefined) throw new Error('a row was left without a step');
  const { line, ...step } = planned;
  expect(line).toBe(2);
  return step;
}

const created = (id: string, facts: Facts = {}) => ({ outcome: 'CREATED', id, imported: false, facts });
const brought = (id: string, facts: Facts = {}) => ({
  outcome: 'CREATED',
  id,
  imported: true,
  facts: { email: id, ...facts },
});
const updated = (key: number, change: Facts) => ({ outcome: 'UPDATED', key: BigInt(key), change });
const unchanged = (key: number) => ({ outcome: 'UNCHANGED', key: BigInt(key) });
const claimed = (key: number, id: string, change: Facts) => ({
  outcome: 'CLAIMED',
  key: BigInt(key),
  id,
  change,
});
const merged = (survivorId: string, otherId: string, change: Facts) => ({
  outcome: 'MERGED',
  survivorId,
  otherId,
  change,
});
const failed = (message: string) => ({ outcome: 'FAILED', error: importConflict(message) });

const ambiguous = failed('Several users have this billing id or email: give the row the id of one of them.');
const bothTaken = failed('The email and the billing id are ids of other users: give the row an id.');
const nameless = failed('The row has no id, no email that could be one, and a billing id that nobody has.');

describe('a row with an id', () => {
  it.each<[string, DirectoryUser[], Facts, object, Record<string, number>?]>([
    [
      'makes a user',
      [],
      { id: '1', name: 'Ada', metadata: { a: 1 } },
      created('1', { name: 'Ada', metadata: { a: 1 } }),
    ],
    [
      'makes a user beside others of the same email',
      [user(1, '7', { email: 'x' })],
      { id: '1', email: 'x' },
      created('1', { email: 'x' }),
    ],
    [
      'makes a user beside others of the same billing id',
      [user(1, '7', { billingId: 'c' })],
      { id: '1', billingId: 'c' },
      created('1', { billingId: 'c' }),
    ],
    [
      'changes what it says otherwise',
      [user(1, '1', { name: 'Ada', email: 'x' })],
      { id: '1', name: 'Ada', email: 'y', billingId: 'c' },
      updated(1, { email: 'y', billingId: 'c' }),
    ],
    [
      'changes nothing that it says alike',
      [user(1, '1', { name: 'Ada', metadata: { a: 1, b: { c: 2, d: 3 } } })],
      { id: '1', name: 'Ada', metadata: { b: { d: 3, c: 2 }, a: 1 } },
      unchanged(1),
    ],
    [
      'says nothing with an empty cell',
      [user(1, '1', { name: 'Ada', email: 'x', billingId: 'c' })],
      { id: '1' },
      unchanged(1),
    ],
    [
      'takes metadata as a whole, and null for none',
      [user(1, '1', { metadata: { a: 1 } })],
      { id: '1', metadata: null },
      updated(1, { metadata: null }),
    ],
    [
      'is about the survivor when its user was merged',
      [user(1, '1')],
      { id: 'old', name: 'Ada' },
      updated(1, { name: 'Ada' }),
      { old: 1 },
    ],
    [
      'leaves an imported user imported when it repeats the id',
      [customer(1, 'x', 'c')],
      { id: 'x', email: 'x', billingId: 'c' },
      unchanged(1),
    ],
  ])('%s', (_name, users, facts, step, signposts = {}) => {
    expect(planOne(users, facts, signposts)).toEqual(step);
  });

  it.each<[string, DirectoryUser[], Facts, object]>([
    [
      'gives it to the imported user of its billing id',
      [customer(1, 'x', 'c')],
      { id: '1', billingId: 'c', name: 'Ada' },
      claimed(1, '1', { billingId: 'c', name: 'Ada' }),
    ],
    [
      'gives it to the imported user of its email',
      [customer(1, 'x')],
      { id: '1', email: 'x', billingId: 'c' },
      claimed(1, '1', { email: 'x', billingId: 'c' }),
    ],
    [
      'does not, where the imported user has another billing id',
      [customer(1, 'x', 'd')],
      { id: '1', email: 'x', billingId: 'c' },
      created('1', { email: 'x', billingId: 'c' }),
    ],
    [
      'does not, where another user has the email too',
      [customer(1, 'x'), user(2, '2', { email: 'x' })],
      { id: '1', email: 'x' },
      created('1', { email: 'x' }),
    ],
    [
      'does not, where another user has the billing id too',
      [customer(1, 'x', 'c'), user(2, '2', { billingId: 'c' })],
      { id: '1', email: 'x', billingId: 'c' },
      created('1', { email: 'x', billingId: 'c' }),
    ],
    [
      'looks at the email only where nobody has the billing id',
      [customer(1, 'x'), user(2, '2', { billingId: 'c' })],
      { id: '1', email: 'x', billingId: 'c' },
      created('1', { email: 'x', billingId: 'c' }),
    ],
    [
      'does not take it from a user who has one',
      [user(1, '7', { email: 'x', billingId: 'c' })],
      { id: '1', email: 'x', billingId: 'c' },
      created('1', { email: 'x', billingId: 'c' }),
    ],
  ])('that nobody has %s', (_name, users, facts, step) => {
    expect(planOne(users, facts)).toEqual(step);
  });

  it.each<[string, DirectoryUser[], Facts, object]>([
    [
      'merges the imported user of its billing id into its user',
      [user(1, '1'), customer(2, 'x', 'c')],
      { id: '1', billingId: 'c' },
      merged('1', 'x', { billingId: 'c' }),
    ],
    [
      'merges its imported user into the one of its billing id',
      [customer(1, 'x'), user(2, '2', { billingId: 'c' })],
      { id: 'x', billingId: 'c' },
      merged('2', 'x', { billingId: 'c' }),
    ],
    [
      'merges two imported users of one customer',
      [customer(1, 'x'), customer(2, 'y', 'c')],
      { id: 'x', billingId: 'c' },
      merged('x', 'y', { billingId: 'c' }),
    ],
    [
      'merges nobody where the user has the billing id already',
      [user(1, '1', { billingId: 'c' }), customer(2, 'x', 'c')],
      { id: '1', billingId: 'c', name: 'Ada' },
      updated(1, { name: 'Ada' }),
    ],
    [
      'merges nobody by email',
      [user(1, '1'), customer(2, 'x')],
      { id: '1', email: 'x' },
      updated(1, { email: 'x' }),
    ],
    [
      'merges nobody where two others have the billing id',
      [user(1, '1'), customer(2, 'x', 'c'), customer(3, 'y', 'c')],
      { id: '1', billingId: 'c' },
      updated(1, { billingId: 'c' }),
    ],
    [
      'merges nobody where both have ids of their own',
      [user(1, '1'), user(2, '2', { billingId: 'c' })],
      { id: '1', billingId: 'c' },
      updated(1, { billingId: 'c' }),
    ],
  ])('that a user has %s', (_name, users, facts, step) => {
    expect(planOne(users, facts)).toEqual(step);
  });
});

describe('a row without an id', () => {
  it.each<[string, DirectoryUser[], Facts, object, Record<string, number>?]>([
    [
      'makes an imported user whose id is the email',
      [],
      { email: 'x', billingId: 'c' },
      brought('x', { billingId: 'c' }),
    ],
    [
      'is about the user of its billing id',
      [user(1, '1', { billingId: 'c' }), user(2, '2', { email: 'x' })],
      { email: 'x', billingId: 'c' },
      updated(1, { email: 'x' }),
    ],
    [
      'is about the user of its email',
      [user(1, '1', { email: 'x' })],
      { email: 'x', billingId: 'c' },
      updated(1, { billingId: 'c' }),
    ],
    ['is about the user whose id is its email', [user(1, 'x')], { email: 'x' }, updated(1, { email: 'x' })],
    [
      'is about the survivor of the user whose id was its email',
      [user(1, '1', { email: 'y', billingId: 'c' })],
      { email: 'x', billingId: 'c' },
      updated(1, { email: 'x' }),
      { x: 1 },
    ],
    [
      'needs no email where its billing id is known',
      [user(1, '1', { billingId: 'c' })],
      { billingId: 'c', name: 'Ada' },
      updated(1, { name: 'Ada' }),
    ],
    [
      'is about the one whose id is the email, where several have the email',
      [user(1, '1', { email: 'x' }), customer(2, 'x')],
      { email: 'x' },
      unchanged(2),
    ],
    [
      'is about the one whose id is the email, where several have the billing id',
      [user(1, '1', { billingId: 'c' }), customer(2, 'x', 'c')],
      { email: 'x', billingId: 'c' },
      unchanged(2),
    ],
    [
      'is about the one who has the email too, where several have the billing id',
      [user(1, '1', { email: 'x', billingId: 'c' }), user(2, 'x', { billingId: 'c' })],
      { email: 'x', billingId: 'c', name: 'Ada' },
      updated(1, { name: 'Ada' }),
    ],
    [
      'is about the one with its email rather than the one whose id it is',
      [user(1, '1', { email: 'x' }), user(2, 'x', { email: 'y' })],
      { email: 'x', name: 'Ada' },
      updated(1, { name: 'Ada' }),
    ],
    [
      'passes by a user of its email with another billing id',
      [user(1, '1', { email: 'x', billingId: 'd' })],
      { email: 'x', billingId: 'c' },
      brought('x', { billingId: 'c' }),
    ],
    [
      'fails where several have the billing id',
      [user(1, '1', { billingId: 'c' }), user(2, '2', { billingId: 'c' })],
      { email: 'x', billingId: 'c' },
      ambiguous,
    ],
    [
      'fails where several have the email',
      [user(1, '1', { email: 'x' }), user(2, '2', { email: 'x' })],
      { email: 'x' },
      ambiguous,
    ],
    [
      'has its billing id for an id where its email is the id of another customer',
      [customer(1, 'x', 'd')],
      { email: 'x', billingId: 'c' },
      { ...created('c', { email: 'x', billingId: 'c' }), imported: true },
    ],
    [
      'is known again by its billing id then',
      [customer(1, 'x', 'd'), { ...customer(2, 'x', 'c'), id: 'c' }],
      { email: 'x', billingId: 'c' },
      { outcome: 'UNCHANGED', key: 2n },
    ],
    [
      'fails where its email and its billing id are the ids of others',
      [customer(1, 'x', 'd'), user(2, 'c')],
      { email: 'x', billingId: 'c' },
      bothTaken,
    ],
    [
      'is found by its email in another case, with spaces around it',
      [user(1, '1', { email: ' Ada@X.io ' })],
      { email: 'ada@x.IO', name: 'Ada' },
      updated(1, { email: 'ada@x.IO', name: 'Ada' }),
    ],
    ['fails without an email, where nobody has its billing id', [], { billingId: 'c' }, nameless],
    ['fails with a name alone', [], { name: 'Ada' }, nameless],
  ])('%s', (_name, users, facts, step, signposts = {}) => {
    expect(planOne(users, facts, signposts)).toEqual(step);
  });
});

describe('a file', () => {
  const again = (line: number) => failed(`The row is about the same user as line ${line}.`);

  it.each<[string, DirectoryUser[], Facts[], object[]]>([
    [
      'says of a user once, by id',
      [user(1, '1')],
      [
        { id: '1', name: 'A' },
        { id: '1', name: 'B' },
      ],
      [updated(1, { name: 'A' }), again(2)],
    ],
    [
      'says of a user once, whom it makes',
      [],
      [{ id: '1' }, { id: '1', name: 'B' }],
      [created('1'), again(2)],
    ],
    [
      'says of a customer once, by email',
      [],
      [{ email: 'x' }, { email: 'x', billingId: 'c' }],
      [brought('x'), again(2)],
    ],
    [
      'says of a customer once, by billing id',
      [],
      [
        { email: 'x', billingId: 'c' },
        { email: 'y', billingId: 'c' },
      ],
      [brought('x', { billingId: 'c' }), again(2)],
    ],
    [
      'gives no id to a user whom it makes',
      [],
      [{ email: 'x' }, { id: '1', email: 'x' }],
      [brought('x'), again(2)],
    ],
    [
      'merges nobody twice',
      [user(1, '1'), customer(2, 'x', 'c')],
      [{ id: '1', billingId: 'c' }, { email: 'x', billingId: 'c' }, { id: 'x' }],
      [merged('1', 'x', { billingId: 'c' }), again(2), again(2)],
    ],
    [
      'merges nobody of whom it has spoken',
      [user(1, '1'), customer(2, 'x', 'c')],
      [
        { id: 'x', name: 'A' },
        { id: '1', billingId: 'c' },
      ],
      [updated(2, { name: 'A' }), again(2)],
    ],
    [
      'may make two users of one email',
      [],
      [
        { id: '1', email: 'x' },
        { id: '2', email: 'x' },
      ],
      [created('1', { email: 'x' }), created('2', { email: 'x' })],
    ],
    [
      'sees an email that a row before it has changed',
      [user(1, '1', { email: 'x' })],
      [{ id: '1', email: 'y' }, { email: 'x' }],
      [updated(1, { email: 'y' }), brought('x')],
    ],
    [
      'may reuse the id of a user who was given another',
      [customer(1, 'x', 'c')],
      [{ id: '1', billingId: 'c' }, { id: 'x' }],
      [claimed(1, '1', { billingId: 'c' }), created('x')],
    ],
  ])('%s', (_name, users, facts, steps) => {
    expect(plan(users, facts).map(({ line, ...step }) => step)).toEqual(steps);
  });

  it('makes no user with an id of which nothing can be seen, and changes one who has it', () => {
    const rows = [{ line: 2, facts: { id: '\u200b', name: 'x' } }];
    const error = invalidInput('row.id', 'must hold a visible character');
    expect(planImport(rows, openDirectory([], []))).toEqual([{ outcome: 'FAILED', line: 2, error }]);
    expect(plan([{ ...customer(1, 'x', 'c'), id: '\u200b' }], [{ id: '\u200b', name: 'x' }])).toMatchObject([
      { outcome: 'UPDATED' },
    ]);
  });

  it('keeps the errors of its rows in their places', () => {
    const error = invalidInput('row.id', 'must not be blank');
    const rows = [
      { line: 2, facts: error },
      { line: 5, facts: { id: '1' } },
    ];
    expect(planImport(rows, openDirectory([], []))).toEqual([
      { outcome: 'FAILED', line: 2, error },
      { line: 5, ...created('1') },
    ]);
  });

  const text = fc.constantFrom('x', 'y', '1');
  const billingId = fc.constantFrom('c', 'd');
  const facts = { email: text, billingId, name: text };

  it.each<[string, fc.Arbitrary<Facts>]>([
    ['ids', fc.record({ ...facts, id: text }, { requiredKeys: ['id'] })],
    ['emails and billing ids', fc.record(facts, { requiredKeys: ['email', 'billingId'] })],
  ])('whose rows have %s changes nothing when it comes again, unless a row has failed', (_name, row) => {
    const known = fc.uniqueArray(
      fc.record({
        id: text,
        email: fc.option(text),
        billingId: fc.option(billingId),
        name: fc.constant(null),
        metadata: fc.constant({}),
        imported: fc.boolean(),
      }),
      { selector: ({ id }) => id },
    );
    let compared = 0;
    fc.assert(
      fc.property(known, fc.array(row, { minLength: 1, maxLength: 5 }), (users, rows) => {
        const directory = openDirectory(
          users.map((each, index) => ({ ...each, key: BigInt(index) })),
          [],
        );
        const file = rows.map((each, index) => ({ line: index + 2, facts: each }));
        if (planImport(file, directory).some(({ outcome }) => outcome === 'FAILED')) return;
        for (const each of directory.byId.values()) each.key ??= 100n;
        expect(
          planImport(file, directory).filter(({ outcome }) => !/UNCHANGED|FAILED/.test(outcome)),
        ).toEqual([]);
        compared += 1;
      }),
      { seed, numRuns: 3_000 },
    );
    expect(compared).toBeGreaterThan(300);
  });
});
