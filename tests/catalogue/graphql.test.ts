import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { statementsOf } from '../helpers/statements.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());

const yaml = `
features:
  - { id: api-calls, name: API calls, type: CONSUMABLE }
  - { id: sso, name: Single sign-on, type: BINARY }
packages:
  draft:
    - { id: next, name: Next, features: [] }
  published:
    - id: pro
      name: Pro
      features: [{ id: api-calls, limit: 1000, reset_period: MONTH, overage_enabled: true }, { id: sso }]
      prices: [{ id: price_1, provider: STRIPE, amount: 5000, currency: gbp, interval: month }]
addons:
  published:
    - { id: more, name: More, features: [{ id: api-calls, limit: 5 }], base_packages: [pro] }
`;

const planFields = `problems { line column field message } fingerprint
  findings { kind message details isFinal }`;
const preview = (text: string) =>
  app
    .ok(`query ($yaml: String!) { previewCatalogue(yaml: $yaml) { ${planFields} } }`, { yaml: text })
    .then(({ previewCatalogue }) => previewCatalogue);
const publishing = `mutation ($yaml: String!, $partly: Boolean, $fingerprint: String) {
  publishCatalogue(yaml: $yaml, partly: $partly, fingerprint: $fingerprint) {
    findings { kind message } yaml } }`;
const pull = async () => (await app.ok('{ catalogue }')).catalogue as string;

const simple = (message: string, rest: object = {}) => ({
  kind: 'CHANGE',
  message,
  details: [],
  isFinal: false,
  ...rest,
});

describe('the catalogue as YAML', () => {
  test('the preview spells out what publishing would do, and changes nothing', async () => {
    expect(await preview(yaml)).toEqual({
      problems: [],
      fingerprint: expect.stringMatching(/^[0-9a-f]{32}$/),
      findings: [
        simple('New CONSUMABLE feature "api-calls".'),
        simple('New BINARY feature "sso".'),
        simple('New published package "pro".', {
          details: [
            '"api-calls": 1000 a month, more allowed',
            '"sso": without limit',
            'price "price_1" of STRIPE',
          ],
          isFinal: true,
        }),
        simple('New draft package "next".'),
        simple('New published add-on "more".', {
          details: ['"api-calls": 5 in all', 'open to subscribers of "pro"'],
          isFinal: true,
        }),
      ],
    });
    expect(await app.ok('{ features { id } packages(status: "ALL") { id } }')).toEqual({
      features: [],
      packages: [],
    });
  });

  test('publishing does what was previewed, and answers the catalogue as it is then', async () => {
    const { fingerprint, findings } = await preview(yaml);
    const { publishCatalogue } = await app.ok(publishing, { yaml, fingerprint });
    expect(publishCatalogue.findings).toEqual(
      findings.map(({ kind, message }: { kind: string; message: string }) => ({ kind, message })),
    );
    expect(publishCatalogue.yaml).toBe(await pull());
    expect(await preview(await pull())).toMatchObject({ problems: [], findings: [] });
    expect(await app.ok('{ packages(status: "ALL") { id status } }')).toEqual({
      packages: [
        { id: 'pro', status: 'PUBLISHED' },
        { id: 'next', status: 'DRAFT' },
        { id: 'more', status: 'PUBLISHED' },
      ],
    });
  });

  test('the file is the one that the other doors read and write', async () => {
    const { body } = await app.http.get('/cli/pull').set('Authorization', app.keys.test);
    expect(
      (await app.http.post('/cli/validate').set('Authorization', app.keys.test).send(body)).body,
    ).toEqual({
      data: [],
    });
    expect(await pull()).toContain(`# PROJECT: ${body.app}`);
  });

  test('a file that is none has its problems told by line and field, and is not published', async () => {
    const broken = 'features:\n  - { id: a, name: A, type: COUNTED }\n';
    expect(await preview(broken)).toMatchObject({
      problems: [{ line: 2, column: 23, field: 'features.0.type', message: 'must be CONSUMABLE or BINARY' }],
      findings: [],
    });
    expect(await app.fails(publishing, { yaml: broken })).toMatchObject({
      message: 'yaml: line 2, features.0.type: must be CONSUMABLE or BINARY',
      extensions: { code: 'BAD_USER_INPUT' },
    });
  });

  describe('of desired that cannot all be done', () => {
    const mixed =
      'features:\n  - { id: sso, name: SSO, type: CONSUMABLE }\n  - { id: new, name: New, type: BINARY }\n';

    it('does nothing', async () => {
      const { message, extensions } = await app.fails(publishing, { yaml: mixed });
      expect(extensions.code).toBe('BAD_USER_INPUT');
      expect(message).toMatch(/^yaml: \[ERROR\] Feature "sso" is BINARY, and .* Nothing was published\.$/);
      expect(await app.ok('{ features { id } }')).toEqual({ features: [{ id: 'api-calls' }, { id: 'sso' }] });
    });

    it('does what can be done when that is asked for', async () => {
      const { publishCatalogue } = await app.ok(publishing, { yaml: mixed, partly: true });
      expect(publishCatalogue.findings.map(({ kind }: { kind: string }) => kind)).toEqual(
        expect.arrayContaining(['REFUSED', 'CHANGE', 'KEPT']),
      );
      expect((await app.ok('{ features { id } }')).features).toContainEqual({ id: 'new' });
    });
  });

  test('what somebody agreed to is done, or nothing', async () => {
    const edited = (await pull()).replace('name: Next', 'name: Soon');
    const { fingerprint } = await preview(edited);
    await app.ok('mutation { updateFeature(id: "sso", input: { name: "Sign-on" }) { id } }');
    expect(await app.fails(publishing, { yaml: edited, fingerprint })).toMatchObject({
      extensions: { code: 'CONFLICT', exception: { name: 'CataloguePlanChangedError' } },
    });
    expect((await app.ok('{ package(id: "next") { name } }')).package).toEqual({ name: 'Next' });
    const again = await preview(edited);
    await app.ok(publishing, { yaml: edited, fingerprint: again.fingerprint });
    expect((await app.ok('{ package(id: "next") { name } }')).package).toEqual({ name: 'Soon' });
  });

  test('as many packages as there are, a constant number of statements reads them', async () => {
    const before = await statementsOf(() => pull());
    for (const id of ['a', 'b', 'c'])
      await app.ok(`mutation { createPackage(input: { id: "${id}", features: [{ id: "sso" }] }) { id } }`);
    expect((await statementsOf(() => pull())).length).toBe(before.length);
  });
});
