import { expect, test } from '@jest/globals';
import { parseConfig } from '../src/config.ts';

const secret = '0123456789abcdefghijklmnopqrstuv';

const defaults = {
  port: 4000,
  host: '127.0.0.1',
  databaseUrl: undefined,
  dataDir: '.data',
  keys: [],
  tokenSecrets: [],
  tokenIssuer: 'usekana.com',
  clientOrigins: [],
  segmentSecret: undefined,
  rateLimit: null,
  processes: 1,
  demo: true,
  logLevel: 'info',
  metricsToken: undefined,
};

test('every variable has a default', () => {
  expect(parseConfig({})).toEqual(defaults);
});

test('a variable that is set to nothing counts as not set', () => {
  expect(
    parseConfig({ PORT: '', HOST: ' ', DATABASE_URL: '', KANA_LIVE_PUBLIC_KEY: '', KANA_DEMO: '' }),
  ).toEqual(defaults);
});

test('every variable is read', () => {
  const env = {
    PORT: '8080',
    HOST: '0.0.0.0',
    DATABASE_URL: 'postgres://kana@db/kana',
    DATA_DIR: '/srv/kana',
    KANA_TEST_PRIVATE_KEY: `prv_test_${secret}`,
    KANA_TEST_PUBLIC_KEY: `pub_test_${secret}`,
    KANA_LIVE_PRIVATE_KEY: `prv_live_${secret}`,
    KANA_LIVE_PUBLIC_KEY: `pub_live_${secret}`,
    KANA_USER_TOKEN_SECRETS: `${secret}, ${secret}${secret}`,
    KANA_TOKEN_ISSUER: 'kana.example.com',
    CLIENT_CORS_ORIGINS: 'https://app.example.com, http://localhost:3000,capacitor://localhost',
    SEGMENT_SHARED_SECRET: 'shared with Segment',
    RATE_LIMIT_PER_SECOND: '100',
    WEB_CONCURRENCY: '4',
    KANA_DEMO: 'true',
    LOG_LEVEL: 'debug',
    METRICS_TOKEN: 'shown-to-prometheus',
  };
  expect(parseConfig({ ...env, HOME: '/home/somebody' })).toEqual({
    port: 8080,
    host: '0.0.0.0',
    databaseUrl: 'postgres://kana@db/kana',
    dataDir: '/srv/kana',
    keys: [`prv_test_${secret}`, `pub_test_${secret}`, `prv_live_${secret}`, `pub_live_${secret}`],
    tokenSecrets: [secret, `${secret}${secret}`],
    tokenIssuer: 'kana.example.com',
    clientOrigins: ['https://app.example.com', 'http://localhost:3000', 'capacitor://localhost'],
    segmentSecret: 'shared with Segment',
    rateLimit: 100,
    processes: 4,
    demo: true,
    logLevel: 'debug',
    metricsToken: 'shown-to-prometheus',
  });
});

test('demo data is for the embedded database only, unless asked for', () => {
  const DATABASE_URL = 'postgresql://localhost/kana';
  expect(parseConfig({ DATABASE_URL }).demo).toBe(false);
  expect(parseConfig({ DATABASE_URL, KANA_DEMO: 'true' }).demo).toBe(true);
  expect(parseConfig({ KANA_DEMO: 'false' }).demo).toBe(false);
});

test.each([
  ['PORT', 'abc', 'PORT must be a port number, 0 to 65535'],
  ['PORT', '65536', 'PORT must be a port number, 0 to 65535'],
  ['PORT', '-1', 'PORT must be a port number, 0 to 65535'],
  ['PORT', '80.5', 'PORT must be a port number, 0 to 65535'],
  ['WEB_CONCURRENCY', '0', 'WEB_CONCURRENCY must be a number from 1 to 64'],
  ['WEB_CONCURRENCY', 'auto', 'WEB_CONCURRENCY must be a number from 1 to 64'],
  [
    'DATABASE_URL',
    'mysql://db/kana',
    'DATABASE_URL must be an address like postgresql://user:password@host:5432/database',
  ],
  [
    'KANA_LIVE_PRIVATE_KEY',
    `prv_test_${secret}`,
    'KANA_LIVE_PRIVATE_KEY must be prv_live_ and 32 letters and digits',
  ],
  [
    'KANA_TEST_PUBLIC_KEY',
    'pub_test_short',
    'KANA_TEST_PUBLIC_KEY must be pub_test_ and 32 letters and digits',
  ],
  ...['short', `${secret},`, `${secret},short`].map((value) => [
    'KANA_USER_TOKEN_SECRETS',
    value,
    'KANA_USER_TOKEN_SECRETS must be secrets of at least 32 characters, between commas',
  ]),
  ...[
    'app.example.com',
    'https://app.example.com/',
    'https://app.example.com/path',
    'https://*.example.com',
    'https://App.example.com',
    'https://app.example.com https://example.com',
    'https://app.example.com,',
    'null',
  ].map((value) => [
    'CLIENT_CORS_ORIGINS',
    value,
    'CLIENT_CORS_ORIGINS must be * or origins like https://app.example.com, between commas',
  ]),
  ...['too short', 'with a space inside', 'für-Prometheus-allein'].map((value) => [
    'METRICS_TOKEN',
    value,
    'METRICS_TOKEN must be at least 16 characters of ASCII, without spaces',
  ]),
  ['KANA_DEMO', 'maybe', 'KANA_DEMO must be true or false'],
  ['LOG_LEVEL', 'loud', 'LOG_LEVEL must be one of fatal, error, warn, info, debug, trace, silent'],
])('%s=%s is refused', (name, value, problem) => {
  expect(() => parseConfig({ [name]: value })).toThrow(new Error(`Bad configuration: ${problem}.`));
});

test('all bad variables are named at once, without their values', () => {
  const bad = { PORT: 'x', KANA_DEMO: 'perhaps', KANA_TEST_PRIVATE_KEY: 'secretive' };
  expect(() => parseConfig(bad)).toThrow(/PORT .*; KANA_TEST_PRIVATE_KEY .*; KANA_DEMO /);
  expect(() => parseConfig(bad)).not.toThrow(/secretive|perhaps/);
});
