import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { callerError, featureNotFound, invalidInput } from '../helpers/errors.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
});
afterAll(() => app.close());
beforeEach(async () => {
  await app.database.hot.query('truncate feature, package cascade');
});

const fields = 'id name type unitLabel unitLabelPlural metadata';
const create = `mutation createFeature($input: CreateFeatureInput!) { createFeature(input: $input) { ${fields} } }`;
const update = `mutation ($id: String!, $input: UpdateFeatureInput!) { updateFeature(id: $id, input: $input) { ${fields} } }`;
const retrieve = `query ($id: String!) { feature(id: $id) { ${fields} } }`;

const apiCalls = {
  id: 'api-calls',
  name: 'API Calls',
  type: 'CONSUMABLE',
  unitLabel: 'API Call',
  unitLabelPlural: 'API Calls',
  metadata: {},
};

const db = () => app.database.prisma;

describe('createFeature', () => {
  it('answers the documented call with what it was given, and keeps it', async () => {
    expect(await app.ok(create, { input: apiCalls })).toEqual({ createFeature: apiCalls });
    expect(await app.ok(retrieve, { id: 'api-calls' })).toEqual({ feature: apiCalls });
  });

  it('calls a feature without a name by its id, with no units and empty metadata', async () => {
    const made = {
      id: 'sso',
      name: 'sso',
      type: 'BINARY',
      unitLabel: null,
      unitLabelPlural: null,
      metadata: {},
    };
    expect(await app.ok(create, { input: { id: 'sso', type: 'BINARY' } })).toEqual({ createFeature: made });
  });

  it('treats null like what is left out, but for metadata, which it clears', async () => {
    const nothing = { name: null, unitLabel: null, unitLabelPlural: null, metadata: null };
    expect(await app.ok(create, { input: { id: 'sso', type: 'BINARY', ...nothing } })).toEqual({
      createFeature: { id: 'sso', type: 'BINARY', ...nothing, name: 'sso' },
    });
  });

  it('keeps ids, names and metadata of any script, byte for byte', async () => {
    const metadata = { 'ключ "1"': [1.5, true, null, { nested: '日本 👩‍🚀 \\ \n' }], empty: {} };
    const input = { ...apiCalls, id: `${'x'.repeat(253)}é `, name: 'Ünïcode 漢字', metadata };
    expect(await app.ok(create, { input })).toEqual({ createFeature: input });
    expect(await app.ok(retrieve, { id: input.id })).toEqual({ feature: input });
  });

  const sixteenKiB = { text: 'x'.repeat(16 * 1024 - '{"text":""}'.length) };

  it('keeps metadata of 16 KiB', async () => {
    const input = { ...apiCalls, metadata: sixteenKiB };
    expect(await app.ok(create, { input })).toEqual({ createFeature: input });
  });

  const units = 'only a CONSUMABLE feature has units';
  it.each([
    ['an empty id', { id: '' }, 'input.id: must not be blank'],
    ['a blank id', { id: ' \u00a0' }, 'input.id: must not be blank'],
    ['an id of 256 characters', { id: 'x'.repeat(256) }, 'input.id: must be at most 255 characters'],
    ['an id with a control character', { id: 'a\u0000b' }, 'input.id: must not contain control characters'],
    ['an id with half a character', { id: 'a\ud83d' }, 'input.id: must be well-formed Unicode'],
    ['a blank name', { name: ' ' }, 'input.name: must not be blank'],
    ['a name of 256 characters', { name: 'x'.repeat(256) }, 'input.name: must be at most 255 characters'],
    ['a blank unit', { unitLabel: '' }, 'input.unitLabel: must not be blank'],
    ['a unit of a BINARY feature', { type: 'BINARY', unitLabelPlural: null }, `input.unitLabel: ${units}`],
    ['a plural of a BINARY feature', { type: 'BINARY', unitLabel: null }, `input.unitLabelPlural: ${units}`],
    ['metadata that is a list', { metadata: [] }, 'input.metadata: must be a JSON object'],
    ['metadata that is text', { metadata: '{}' }, 'input.metadata: must be a JSON object'],
    [
      'metadata over 16 KiB',
      { metadata: { ...sixteenKiB, text: `${sixteenKiB.text}x` } },
      'input.metadata: must be at most 16 KiB',
    ],
    [
      'metadata with a null character',
      { metadata: { deep: ['a\u0000'] } },
      'input.metadata: must be well-formed Unicode without null characters',
    ],
  ])('refuses %s', async (_case, wrong, problem) => {
    expect(await app.fails(create, { input: { ...apiCalls, ...wrong } })).toMatchObject({
      ...invalidInput(problem),
      path: ['createFeature'],
    });
    expect(await db().feature.count()).toBe(0);
  });

  it('refuses an id that is taken, and leaves the feature that has it alone', async () => {
    await app.ok(create, { input: apiCalls });
    expect(await app.fails(create, { input: { id: 'api-calls', type: 'BINARY' } })).toMatchObject(
      callerError(
        'CONFLICT',
        'FeatureAlreadyExistsError',
        'A feature with the id "api-calls" already exists.',
      ),
    );
    expect(await app.ok(retrieve, { id: 'api-calls' })).toEqual({ feature: apiCalls });
  });

  it('lets the other environment have the same id', async () => {
    await app.ok(create, { input: apiCalls });
    const live = { ...apiCalls, name: 'Live calls' };
    expect(await app.ok(create, { input: live }, app.keys.live)).toEqual({ createFeature: live });
    expect(await app.ok(retrieve, { id: 'api-calls' })).toEqual({ feature: apiCalls });
  });
});

describe('updateFeature', () => {
  beforeEach(async () => {
    await app.ok(create, { input: { ...apiCalls, metadata: { tier: 1, old: true } } });
  });

  it('changes what it is given, and replaces metadata whole', async () => {
    const input = { name: 'Calls', unitLabel: 'Call', unitLabelPlural: 'Calls', metadata: { tier: 2 } };
    expect(await app.ok(update, { id: 'api-calls', input })).toEqual({
      updateFeature: { id: 'api-calls', type: 'CONSUMABLE', ...input },
    });
  });

  it.each([
    ['name', { name: 'Calls' }],
    ['unitLabel', { unitLabel: 'Call' }],
    ['unitLabelPlural', { unitLabelPlural: 'Calls' }],
    ['metadata', { metadata: {} }],
    ['nothing', {}],
  ])('changes only %s when only that is given', async (_name, input) => {
    expect(await app.ok(update, { id: 'api-calls', input })).toEqual({
      updateFeature: { ...apiCalls, metadata: { tier: 1, old: true }, ...input },
    });
  });

  it('clears units and metadata with null', async () => {
    const nothing = { unitLabel: null, unitLabelPlural: null, metadata: null };
    expect(await app.ok(update, { id: 'api-calls', input: nothing })).toEqual({
      updateFeature: { ...apiCalls, ...nothing },
    });
  });

  it('answers the packages that contain it, which keep the name they gave it', async () => {
    await createPackage(db(), { id: 'pro-plan', features: ['api-calls'] });
    const renamed = await app.ok(
      `mutation { updateFeature(id: "api-calls", input: { name: "Renamed", unitLabel: "Call" }) {
        name packages { id status features { id name unitLabel } } } }`,
    );
    const contained = { id: 'api-calls', name: 'api-calls', unitLabel: 'Call' };
    expect(renamed).toEqual({
      updateFeature: {
        name: 'Renamed',
        packages: [{ id: 'pro-plan', status: 'PUBLISHED', features: [contained] }],
      },
    });
  });

  it.each([
    ['a blank name', { name: '' }, 'input.name: must not be blank'],
    ['a blank unit', { unitLabel: ' ' }, 'input.unitLabel: must not be blank'],
    ['metadata that is a number', { metadata: 1 }, 'input.metadata: must be a JSON object'],
  ])('refuses %s', async (_case, input, problem) => {
    expect(await app.fails(update, { id: 'api-calls', input })).toMatchObject(invalidInput(problem));
  });

  it('refuses to clear the name', async () => {
    const { message, extensions } = await app.fails(update, { id: 'api-calls', input: { name: null } });
    expect(message).toMatch(/^input\.name: /);
    expect(extensions.code).toBe('BAD_USER_INPUT');
  });

  it.each(['unitLabel', 'unitLabelPlural'])(
    'refuses to give a BINARY feature a %s, but lets it have none',
    async (label) => {
      await createFeature(db(), { id: 'sso', type: 'BINARY' });
      expect(await app.fails(update, { id: 'sso', input: { [label]: 'seat' } })).toMatchObject(
        invalidInput(`input.${label}: only a CONSUMABLE feature has units`),
      );
      const { updateFeature: sso } = await app.ok(update, { id: 'sso', input: { [label]: null } });
      expect(sso[label]).toBeNull();
    },
  );

  it.each([
    ['type', 'BINARY'],
    ['id', '"other"'],
  ])('has no way to change the %s', async (field, value) => {
    const mutation = `mutation { updateFeature(id: "api-calls", input: { ${field}: ${value} }) { id } }`;
    expect((await app.fails(mutation)).message).toContain(
      `Field "${field}" is not defined by type "UpdateFeatureInput"`,
    );
  });

  it('finds neither an unknown feature nor one of the other environment', async () => {
    expect(await app.fails(update, { id: 'nope', input: { name: 'x' } })).toMatchObject(
      featureNotFound('nope'),
    );
    expect(await app.fails(update, { id: 'api-calls', input: { name: 'x' } }, app.keys.live)).toMatchObject(
      featureNotFound('api-calls'),
    );
    expect(await app.fails(update, { id: '', input: {} })).toMatchObject(
      invalidInput('id: must not be blank'),
    );
  });
});

describe('feature', () => {
  it('finds neither an unknown feature nor one of the other environment', async () => {
    await createFeature(db(), { id: 'calls' }, { in: 'live' });
    expect(await app.fails(retrieve, { id: 'calls' })).toMatchObject({
      ...featureNotFound('calls'),
      path: ['feature'],
    });
    expect((await app.ok(retrieve, { id: 'calls' }, app.keys.live)).feature.id).toBe('calls');
    expect(await app.fails(retrieve, { id: ' ' })).toMatchObject(invalidInput('id: must not be blank'));
  });
});

it('answers nothing without a private key', async () => {
  for (const key of [app.keys.publicTest, 'prv_test_wrong', '']) {
    const response = await app.http
      .post('/graphql')
      .set('Authorization', key)
      .send({ query: '{ features { id } }' });
    expect({ status: response.status, data: response.body.data }).toEqual({ status: 401, data: undefined });
    expect(response.body.errors[0].extensions.code).toBe('UNAUTHENTICATED');
  }
});
