import { createHash } from 'node:crypto';
import { ApolloClient, gql, HttpLink, InMemoryCache } from '@apollo/client/core';
import { createPersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Client, cacheExchange, fetchExchange } from '@urql/core';
import { startTestApp, type TestApp } from '../helpers/app.ts';
import { createFeature, createPackage } from '../helpers/factories.ts';

// Published clients of GraphQL, as they are, against the server as it is.

let app: TestApp;
beforeAll(async () => {
  app = await startTestApp();
  const { prisma } = app.database;
  await createFeature(prisma, { id: 'calls' });
  await createPackage(prisma, { id: 'basic', features: [{ id: 'calls', limit: 10 }] });
  await createPackage(prisma, { id: 'pro', features: [{ id: 'calls', limit: 500 }] });
});
afterAll(() => app.close());

const link = () => new HttpLink({ uri: `${app.url}/graphql`, headers: { Authorization: app.keys.test } });
const limits = [
  { id: 'basic', features: [{ id: 'calls', limit: 10 }] },
  { id: 'pro', features: [{ id: 'calls', limit: 500 }] },
];

describe('Apollo Client', () => {
  const query = gql`
    query Limits {
      packages(status: "ALL") {
        id
        features {
          id
          key
          limit
        }
      }
    }
  `;

  test('keeps the features of packages apart by their key', async () => {
    const cache = new InMemoryCache({ typePolicies: { PackageFeature: { keyFields: ['key'] } } });
    const { data } = await new ApolloClient({ cache, link: link() }).query({ query });
    expect(data).toMatchObject({ packages: limits });
  });

  test('falls back to the whole operation when it sends a hash alone, by POST and by GET', async () => {
    const sha256 = async (text: string) => createHash('sha256').update(text).digest('hex');
    for (const useGETForHashedQueries of [false, true]) {
      const persisted = createPersistedQueryLink({ sha256, useGETForHashedQueries });
      const client = new ApolloClient({ cache: new InMemoryCache(), link: persisted.concat(link()) });
      const { data } = await client.query({ query: gql`query Ids { packages(status: "ALL") { id } }` });
      expect(data).toMatchObject({ packages: [{ id: 'basic' }, { id: 'pro' }] });
    }
  });
});

describe('urql', () => {
  const query = 'query Limits { packages(status: "ALL") { id features { id limit } } }';

  test('is answered as it is, which sends short queries by GET', async () => {
    const sent: string[] = [];
    const client = new Client({
      url: `${app.url}/graphql`,
      exchanges: [cacheExchange, fetchExchange],
      fetchOptions: { headers: { Authorization: app.keys.test } },
      fetch: (input, init) => {
        sent.push(init?.method ?? 'GET');
        return fetch(input, init);
      },
    });
    const { data, error } = await client.query(query, {}).toPromise();
    expect(error).toBeUndefined();
    expect(data).toMatchObject({ packages: limits });
    const made = await client
      .mutation('mutation { createUser(input: { id: "urql" }) { id } }', {})
      .toPromise();
    expect(made.data).toEqual({ createUser: { id: 'urql', __typename: 'User' } });
    expect(sent).toEqual(['GET', 'POST']);
  });
});
