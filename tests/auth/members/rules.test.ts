import { describe, expect, test } from '@jest/globals';
import {
  accountFreeFailures,
  addressFreeFailures,
  pauseMs,
} from '../../../src/auth/members/attempt-rules.ts';
import { createAttempts } from '../../../src/auth/members/attempts.ts';
import { createPasswords } from '../../../src/auth/members/passwords.ts';
import { mayResetPassword, readEmail, readPassword } from '../../../src/auth/members/rules.ts';
import { createSecretKey } from '../../../src/auth/secrets/secret-key.ts';

test.each([
  [1, 0],
  [5, 0],
  [6, 1_000],
  [7, 2_000],
  [9, 8_000],
  [12, 60_000],
  [2_000, 60_000],
])('after %i failures of an account one waits %i ms', (failures, expected) => {
  expect(pauseMs(failures, accountFreeFailures)).toBe(expected);
});

test('an address may fail more often than an account', () => {
  expect(pauseMs(20, addressFreeFailures)).toBe(0);
  expect(pauseMs(21, addressFreeFailures)).toBe(1_000);
});

describe('attempts', () => {
  function start() {
    const clock = { at: 0 };
    return { clock, attempts: createAttempts(() => clock.at) };
  }
  const fail = (attempts: ReturnType<typeof createAttempts>, times: number, address = '1', account = 'a') =>
    Array.from({ length: times }, () => attempts.begin(address, account)).at(-1);

  test('count before the password is known, so that many at once count as many', () => {
    const { attempts } = start();
    expect(fail(attempts, 6)).toBe(0);
    expect(attempts.begin('1', 'a')).toBe(1_000);
    expect(attempts.begin('another', 'a')).toBe(1_000);
    expect(attempts.begin('1', 'another')).toBe(0);
  });

  test('go on after the pause, which then is longer', () => {
    const { clock, attempts } = start();
    fail(attempts, 6);
    clock.at = 1_000;
    expect(attempts.begin('1', 'a')).toBe(0);
    expect(attempts.begin('1', 'a')).toBe(2_000);
  });

  test('start anew after success, and after a while', () => {
    const { clock, attempts } = start();
    fail(attempts, 6);
    attempts.succeed('1', 'a');
    expect(fail(attempts, 6)).toBe(0);
    clock.at = 16 * 60_000;
    expect(fail(attempts, 6)).toBe(0);
  });

  test('of one address on many accounts are slowed down too', () => {
    const { attempts } = start();
    for (let n = 0; n < 21; n += 1) expect(attempts.begin('1', `${n}`)).toBe(0);
    expect(attempts.begin('1', 'last')).toBe(1_000);
  });

  test('take a bounded memory', () => {
    const { attempts } = start();
    fail(attempts, 7, 'first', 'first');
    for (let n = 0; n < 10_000; n += 1) attempts.begin(`${n}`, `${n}`);
    expect(attempts.begin('first', 'first')).toBe(0);
  });
});

test.each([
  [['test'], ['test'], true],
  [['test'], ['test', 'live'], true],
  [['test', 'live'], ['test'], false],
  [['test', 'live'], ['live', 'test'], true],
  [['live'], [], false],
])('the password of a member of %j may be set by an admin of %j: %s', (member, admin, expected) => {
  expect(mayResetPassword(member, admin)).toBe(expected);
});

test('addresses are compared without case and spaces', () => {
  expect(readEmail('  Ana@Example.COM ')).toBe('ana@example.com');
  for (const wrong of ['ana', '@', 'a b@c', 'ana@', 7, null, `${'a'.repeat(250)}@x.com`])
    expect(() => readEmail(wrong)).toThrow(/^email: /);
});

test('a password has at least twelve characters, whatever they are', () => {
  expect(readPassword('twelve chars')).toBe('twelve chars');
  expect(readPassword('\u{1f600}'.repeat(12))).toHaveLength(24);
  for (const wrong of ['eleven char', '\u{1f600}'.repeat(6), 'x'.repeat(201), undefined, 12])
    expect(() => readPassword(wrong)).toThrow(/^password: must be/);
});

describe('passwords', () => {
  const cost = { logN: 8, r: 8, p: 1 };
  const at = (secret: string) =>
    createPasswords(createSecretKey(secret.padEnd(32, '.')), (work) => work(), cost);

  test('are told apart, in whatever form Unicode has them', async () => {
    const passwords = at('ours');
    const stored = await passwords.hash('Zo\u00eb and her cat');
    expect(stored).toMatch(/^scrypt\$8\$8\$1\$[\w-]+\$[\w-]+$/);
    expect(await passwords.verify('Zoe\u0308 and her cat', stored)).toBe(true);
    expect(await passwords.verify('Zoe and her cat', stored)).toBe(false);
    expect(await passwords.hash('Zo\u00eb and her cat')).not.toBe(stored);
  });

  test('are worth nothing with another secret key', async () => {
    const stored = await at('ours').hash('correct horse');
    expect(await at('theirs').verify('correct horse', stored)).toBe(false);
  });

  test('are hashed where there is nothing to compare with, too', async () => {
    let hashed = 0;
    const count = <Result>(work: () => Promise<Result>) => {
      hashed += 1;
      return work();
    };
    const passwords = createPasswords(createSecretKey('ours'.padEnd(32, '.')), count, cost);
    for (const stored of [null, '', 'SECRET', 'scrypt$8$8$1$a'])
      expect(await passwords.verify('correct horse', stored)).toBe(false);
    expect(hashed).toBe(4);
  });
});
