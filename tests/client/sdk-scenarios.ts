import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { KanaUserClient, KanaUserClientConfig } from '@usekana/client-kana-js';
import { loadTokenRealms } from '../../src/auth/tokens/realms.ts';
import { createUserTokens } from '../../src/auth/tokens/tokens.ts';
import { startTestApp, type TestApp, testEncryption } from '../helpers/app.ts';
import type { Browser, Page, Sdk } from '../helpers/browser.ts';
import { createFeature, createPackage, createSubscription, createUser } from '../helpers/factories.ts';

// Scripts for the page.

const askEverything = async ({ KanaUserClient }: Sdk, config: KanaUserClientConfig) => {
  const client = new KanaUserClient(config);
  return {
    packages: await client.getSubscribedPackages(),
    features: await client.getSubscribedFeatures(),
    sso: await client.canUseFeature('sso'),
    messages: await client.canUseFeature('messages'),
    seats: await client.canUseFeature('seats'),
    notSubscribed: await client.canUseFeature('reports'),
    unknown: await client.canUseFeature('no-such-feature'),
  };
};

/** Leaves the client in the page, for the scripts that follow. */
const askAndStay = async ({ KanaUserClient }: Sdk, config: KanaUserClientConfig) => {
  const client = new KanaUserClient(config);
  Object.assign(globalThis, { client });
  return client.canUseFeature('messages');
};

const askAgain = async () => {
  const { client } = globalThis as unknown as { client: KanaUserClient };
  return client.canUseFeature('messages');
};

const resetCache = async () => {
  const { client } = globalThis as unknown as { client: KanaUserClient };
  return { answered: (await client.resetCache()) === undefined };
};

const askAndListen = async ({ KanaUserClient }: Sdk, config: KanaUserClientConfig) => {
  const heard: Error[] = [];
  const onError = async (error: Error) => {
    heard.push(error);
  };
  const client = new KanaUserClient({ ...config, onError });
  await client.resetCache();
  return {
    packages: await client.getSubscribedPackages(),
    features: await client.getSubscribedFeatures(),
    messages: await client.canUseFeature('messages'),
    heard,
  };
};

const withoutConfig = async ({ KanaUserClient }: Sdk) => {
  try {
    return new KanaUserClient(undefined as never);
  } catch (error) {
    return error;
  }
};

/** What the published browser client does with our client API, in any browser. */
export function describeSdk(start: () => Promise<Browser>): void {
  let browser: Browser;
  let app: TestApp;
  let page: Page;
  beforeAll(async () => {
    browser = await start();
    app = await startTestApp({ clientOrigins: [browser.origins[0]] });
    page = await browser.open(browser.origins[0]);
    await createCatalogue();
  });
  afterAll(async () => {
    await browser.close();
    await app.close();
  });

  async function createCatalogue(): Promise<void> {
    const db = app.database.prisma;
    await createFeature(db, { id: 'sso', type: 'BINARY' });
    for (const id of ['messages', 'seats', 'reports']) await createFeature(db, { id });
    await createPackage(db, { id: 'plan', features: ['sso', { id: 'messages', limit: 3 }, 'seats'] });
    await createPackage(db, { id: 'more', isAddon: true, features: [{ id: 'messages', limit: 5 }] });
    await createPackage(db, { id: 'past', features: ['reports'] });
  }

  async function createSubscriber(userId: string): Promise<void> {
    const db = app.database.prisma;
    await createUser(db, { id: userId });
    for (const packageId of ['plan', 'more']) await createSubscription(db, { userId, packageId });
    await createSubscription(db, { userId, packageId: 'past', status: 'CANCELLED' });
    await use(userId, 4);
  }

  const use = (userId: string, delta: number) =>
    app.ok(
      `mutation ($userId: String!, $delta: Int) {
        recordUsage(input: { userId: $userId, featureId: "messages", delta: $delta }) { recorded }
      }`,
      { userId, delta },
    );

  const endpoint = () => `${app.url}/client/graphql`;
  const simple = (userId: string, apiKey = app.keys.publicTest) => ({
    endpoint: endpoint(),
    apiKey,
    userId,
  });

  async function secure(userId: string) {
    const query = 'mutation ($userId: String!) { generateUserToken(userId: $userId) { token } }';
    const { generateUserToken } = await app.ok(query, { userId });
    return { endpoint: endpoint(), userToken: generateUserToken.token as string };
  }

  async function secureSince(at: Date, secrets: string[] = []) {
    const tokens = createUserTokens(
      await loadTokenRealms(app.database.prisma, secrets, testEncryption),
      'usekana.com',
    );
    const userToken = await tokens.issue({ environmentId: 'test', userId: 'subscriber' }, at);
    return { endpoint: endpoint(), userToken };
  }

  const has = (used: number, budget: number | null = 5) => ({
    data: { access: budget === null || used < budget, consumption: { used, budget } },
  });

  describe.each<[string, string, (userId: string) => KanaUserClientConfig | Promise<KanaUserClientConfig>]>([
    ['with a public key and the id of a user', 'simple', simple],
    ['with a user token', 'secure', secure],
  ])('%s', (_with, mode, configOf) => {
    it('answers every method', async () => {
      await createSubscriber(`everything-${mode}`);

      const messages = has(4);
      const seats = has(0, null);
      expect(await page.run(askEverything, await configOf(`everything-${mode}`))).toEqual({
        packages: {
          data: [
            { id: 'plan', name: 'plan', isAddon: false },
            { id: 'more', name: 'more', isAddon: true },
          ],
        },
        features: {
          data: [
            { id: 'sso', name: 'sso', type: 'BINARY', entitlement: { access: true } },
            { id: 'messages', name: 'messages', type: 'CONSUMABLE', entitlement: messages.data },
            { id: 'seats', name: 'seats', type: 'CONSUMABLE', entitlement: seats.data },
          ],
        },
        sso: { data: { access: true } },
        messages,
        seats,
        notSubscribed: { data: { access: false } },
        unknown: { data: { access: false } },
      });
    });

    it('answers from its cache until that is reset', async () => {
      await createSubscriber(`cached-${mode}`);

      expect(await page.run(askAndStay, await configOf(`cached-${mode}`))).toEqual(has(4));
      await use(`cached-${mode}`, 1);
      expect(await page.run(askAgain, null)).toEqual(has(4));
      expect(await page.run(resetCache, null)).toEqual({ answered: true });
      expect(await page.run(askAgain, null)).toEqual(has(5));
    });

    it('answers with an error for a user who does not exist', async () => {
      const { key } = await createUser(app.database.prisma, { id: `gone-${mode}` });
      const config = await configOf(`gone-${mode}`);
      await app.database.prisma.user.delete({ where: { key } });

      const message = expect.stringContaining(`There is no user with the id "gone-${mode}".`);
      const error = { name: 'Error', message };
      expect(await page.run(askAndListen, config)).toEqual({
        packages: { error },
        features: { error },
        messages: { error },
        heard: [error, error, error, error],
      });
    });
  });

  describe('answers that it is unauthenticated', () => {
    const monthAgo = () => new Date(Date.now() - 31 * 24 * 60 * 60 * 1000);

    it.each<[string, () => KanaUserClientConfig | Promise<KanaUserClientConfig>]>([
      ['with a public key that was never issued', () => simple('anybody', `pub_test_${'a'.repeat(32)}`)],
      ['with a private key', () => simple('anybody', app.keys.test)],
      ['with an expired token', () => secureSince(monthAgo())],
      [
        'with a token that somebody else signed',
        () => secureSince(new Date(), ['a secret that nobody here has configured']),
      ],
      ['with a token that is none', () => ({ endpoint: endpoint(), userToken: 'secret' })],
    ])('%s', async (_which, config) => {
      // As published, its own errors are told from others by the message alone: it is ours, without the response.
      const error = { name: 'Error', message: expect.stringMatching(/^Unauthenticated: [^{}]+$/) };
      expect(await page.run(askAndListen, await config())).toEqual({
        packages: { error },
        features: { error },
        messages: { error },
        heard: [error, error, error, error],
      });
    });
  });

  it('wants a configuration', async () => {
    expect(await page.run(withoutConfig, null)).toEqual({
      name: 'Error',
      message: '"config" cannot be empty',
    });
  });

  it('reads nothing on a page of an origin that is not allowed', async () => {
    await createSubscriber('private');
    const elsewhere = await browser.open(browser.origins[1]);

    const error = { name: 'TypeError', message: 'Network request failed' };
    expect(await elsewhere.run(askAndStay, simple('private'))).toEqual({ error });
    expect(await elsewhere.run(askAndStay, await secure('private'))).toEqual({ error });
  });
}
