import { describe, expect, it } from '@jest/globals';
import { consentTo, problemOf } from '../../src/cli/kana/rules.ts';

const calls = { id: 'calls', name: 'Calls', type: 'CONSUMABLE' };
const sso = { id: 'sso', name: 'SSO', type: 'BINARY' };
const pro = { id: 'pro', name: 'Pro', features: [{ id: 'sso' }, { id: 'calls', limit: 10 }] };
const withGrant = (grant: object) => ({
  features: [calls, sso],
  packages: { published: [{ ...pro, features: [grant] }] },
});
const noLimit =
  'all package features of "CONSUMABLE" type must be defined with null or a positive numeric value';

describe('at first sight', () => {
  it.each<[string, unknown, string | null]>([
    ['a file that is right', { features: [calls, sso], packages: { published: [pro] } }, null],
    ['an empty file', null, 'your setup must contain at least one feature!'],
    ['a list', [], 'your setup must contain at least one feature!'],
    ['no features', { features: [], packages: {} }, 'your setup must contain at least one feature!'],
    ['a feature twice', { features: [calls, calls] }, 'duplicate feature IDs are not allowed!'],
    ['no packages', { features: [calls] }, 'your setup must contain at least one package!'],
    [
      'no packages but null',
      { features: [calls], packages: { draft: null } },
      'your setup must contain at least one package!',
    ],
    ['an add-on alone', { features: [calls], addons: { draft: [{ id: 'a', features: [] }] } }, null],
    [
      'a package twice, once as an add-on',
      { features: [calls, sso], packages: { published: [pro] }, addons: { draft: [pro] } },
      'all package IDs must be unique!',
    ],
    [
      'a published package without features',
      { features: [calls], packages: { published: [{ id: 'pro' }] } },
      'all packages must link to at least one feature!',
    ],
    [
      'a draft without features, as the server may hold',
      { features: [calls], packages: { draft: [{ id: 'pro', features: [] }] } },
      null,
    ],
    ['a CONSUMABLE without a limit', withGrant({ id: 'calls' }), noLimit],
    ['a CONSUMABLE with a word as its limit', withGrant({ id: 'calls', limit: 'ten' }), noLimit],
    ['a CONSUMABLE with a negative limit', withGrant({ id: 'calls', limit: -1 }), noLimit],
    ['a CONSUMABLE without end', withGrant({ id: 'calls', limit: null }), null],
    ['a CONSUMABLE with nothing to use', withGrant({ id: 'calls', limit: 0 }), null],
    ['a BINARY without a limit', withGrant({ id: 'sso' }), null],
    [
      'a reset period that is none',
      withGrant({ id: 'calls', limit: 1, reset_period: 'FORTNIGHT' }),
      'package feature reset periods must be "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", or "YEAR"!',
    ],
    ['a reset period of never', withGrant({ id: 'calls', limit: 1, reset_period: null }), null],
  ])('%s', (_, file, problem) => {
    expect(problemOf(file)).toBe(problem);
  });
});

describe('publishing', () => {
  const fine = ['New draft package "pro".', '[WARNING] Feature "x" is not in the file.'];
  const bad = [...fine, '[ERROR] Package "pro" is archived.'];
  const failed = { refusal: 'Config validation failed. Review above error(s) or pass in "--force" ("-f")' };
  const nobody = { refusal: 'There is no terminal to confirm the publication: pass in "--yes" ("-y")' };
  const question = {
    question:
      'You are about to publish a new Kana setup. This action cannot be undone. Do you wish to continue?',
  };
  const withIssues = {
    question:
      'You are about to publish a new Kana setup with the above issues. This action cannot be undone. Do you wish to continue?',
  };

  it.each<[string, string[], { force: boolean; yes: boolean }, boolean, unknown]>([
    ['asks', fine, { force: false, yes: false }, true, question],
    ['is refused where nobody can be asked', fine, { force: false, yes: false }, false, nobody],
    ['does not ask with --yes', fine, { force: false, yes: true }, true, null],
    ['needs nobody with --yes', fine, { force: false, yes: true }, false, null],
    ['does not ask with --force', fine, { force: true, yes: false }, true, null],
    ['is refused with errors', bad, { force: false, yes: false }, true, failed],
    ['is refused with errors, --yes or not', bad, { force: false, yes: true }, true, failed],
    ['asks with errors and --force', bad, { force: true, yes: false }, true, withIssues],
    [
      'needs more than --force with errors where nobody can be asked',
      bad,
      { force: true, yes: false },
      false,
      nobody,
    ],
    ['does not ask with errors, --force and --yes', bad, { force: true, yes: true }, false, null],
  ])('%s', (_, lines, options, canAsk, consent) => {
    expect(consentTo(lines, options, canAsk)).toEqual(consent);
  });
});
