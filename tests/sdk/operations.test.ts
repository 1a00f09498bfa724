import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import { KanaAdmin } from '../../packages/sdk/src/index.ts';

const schema = buildSchema(readFileSync('schema.graphql', 'utf8'));

type Methods = Record<string, (argument: object) => Promise<unknown>>;

/** What each method sends, by its name: every method of every resource is called, and must send something. */
async function sentBy(argument: object): Promise<[method: string, document: string][]> {
  const sent: [string, string][] = [];
  let method = '';
  const kana = new KanaAdmin({
    apiKey: 'none',
    async fetch(_input, init) {
      sent.push([method, JSON.parse(String(init?.body)).query]);
      return Response.json({ data: { list: [] } });
    },
  });
  const { features, packages, users, subscriptions, migrations, grants, topUps, reservations } = kana;
  const resources = { features, packages, users, subscriptions, migrations, grants, topUps, reservations };
  for (const [resource, methods] of Object.entries(resources)) {
    for (const [name, call] of Object.entries(methods as unknown as Methods)) {
      method = `${resource}.${name}`;
      const before = sent.length;
      await call(name === 'recordUsages' ? [argument] : argument);
      expect([method, sent.length]).toEqual([method, before + 1]);
    }
  }
  return sent;
}

const described = { id: 'x', input: {} };
const sent = [...(await sentBy(described)), ...(await sentBy({ ...described, includeEntitlement: true }))];

test('every method is among those that are checked', () => {
  expect(new Set(sent.map(([method]) => method))).toEqual(
    new Set([
      ...['create', 'update', 'list', 'retrieve', 'canUse', 'showUsage', 'usageEvents'].map(
        (name) => `features.${name}`,
      ),
      ...['recordUsage', 'recordUsages'].map((name) => `features.${name}`),
      ...['create', 'update', 'retrieve', 'list', 'publish', 'archive'].map((name) => `packages.${name}`),
      ...['list', 'create', 'update', 'retrieve', 'generateToken', 'entitlements'].map(
        (name) => `users.${name}`,
      ),
      ...['create', 'createMany', 'retrieve', 'list', 'cancel', 'resume', 'changePackage'].map(
        (name) => `subscriptions.${name}`,
      ),
      ...['preview', 'create', 'retrieve', 'list', 'stop'].map((name) => `migrations.${name}`),
      ...['create', 'revoke', 'list'].map((name) => `grants.${name}`),
      ...['create', 'void', 'list', 'draws'].map((name) => `topUps.${name}`),
      ...['create', 'commit', 'release'].map((name) => `reservations.${name}`),
    ]),
  );
});

test.each(sent)('what %s sends is valid by schema.graphql', (_, document) => {
  expect(validate(schema, parse(document))).toEqual([]);
});

test('docs/reference/sdk.md tells of every method', () => {
  const reference = readFileSync('docs/reference/sdk.md', 'utf8');
  const untold = new Set(
    sent.map(([method]) => method).filter((method) => !reference.includes(`\`${method}(`)),
  );
  expect([...untold]).toEqual([]);
});
