import { homedir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../src/config/config.ts';
import { addressesOf } from '../../src/config/database-address.ts';

const secret = '0123456789abcdefghijklmnopqrstuv';

const defaults = {
  port: 4000,
  host: '127.0.0.1',
  basePath: '',
  databaseUrl: undefined,
  databaseOwnerUrl: undefined,
  databaseReadUrl: undefined,
  dataDir: '.data',
  keys: [],
  tokenSecrets: [],
  tokenIssuer: 'usekana.com',
  clientOrigins: [],
  segmentSecret: undefined,
  rateLimit: null,
  operationPlans: true,
  usageRetentionMonths: null,
  processes: 1,
  demo: true,
  logLevel: 'info',
  metricsToken: undefined,
  stripeApiBase: undefined,
  stripeKeys: {},
  webhookAllowPrivate: false,
  email: null,
  oidc: null,
  tracing: null,
};

test('every variable has a default', () => {
  expect(parseConfig({})).toEqual(defaults);
});

test('a variable that is set to nothing counts as not set', () => {
  expect(
    parseConfig({ PORT: '', HOST: ' ', DATABASE_URL: '', KANA_LIVE_PUBLIC_KEY: '', KANA_DEMO: '' }),
  ).toEqual(defaults);
});

test('the home directory in DATA_DIR is expanded, as a shell does', () => {
  expect(parseConfig({ DATA_DIR: '~/kana' }).dataDir).toBe(join(homedir(), 'kana'));
  expect(parseConfig({ DATA_DIR: '~' }).dataDir).toBe(homedir());
  expect(parseConfig({ DATA_DIR: 'a~/kana' }).dataDir).toBe('a~/kana');
  expect(() => parseConfig({ DATA_DIR: '~eva/kana' })).toThrow(
    'DATA_DIR must not begin with ~ and a name: write the whole path',
  );
});

test('every variable is read', () => {
  const env = {
    PORT: '8080',
    HOST: '0.0.0.0',
    BASE_PATH: '/apps/kana-1.0',
    DATABASE_OWNER_URL: 'postgres://owner@db/kana',
    DATABASE_URL: 'postgres://kana@db/kana',
    DATABASE_READ_URL: 'postgres://kana@standby/kana',
    DATA_DIR: '/srv/kana',
    KANA_TEST_PRIVATE_KEY: `prv_test_${secret}`,
    KANA_TEST_PUBLIC_KEY: `pub_test_${secret}`,
    KANA_LIVE_PRIVATE_KEY: `prv_live_${secret}`,
    KANA_LIVE_PUBLIC_KEY: `pub_live_${secret}`,
    KANA_SECRET_KEY: secret,
    KANA_USER_TOKEN_SECRETS: `${secret}, ${secret}${secret}`,
    KANA_TOKEN_ISSUER: 'kana.example.com',
    CLIENT_CORS_ORIGINS: 'https://app.example.com, http://localhost:3000,capacitor://localhost',
    SEGMENT_SHARED_SECRET: 'shared with Segment',
    RATE_LIMIT_PER_SECOND: '100',
    OPERATION_PLANS: 'false',
    USAGE_RETENTION_MONTHS: '24',
    WEB_CONCURRENCY: '4',
    KANA_DEMO: 'true',
    LOG_LEVEL: 'debug',
    METRICS_TOKEN: 'shown-to-prometheus',
    STRIPE_API_BASE: 'http://stripe.example.com:8080',
    STRIPE_TEST_SECRET_KEY: 'rk_test_ours',
    STRIPE_TEST_WEBHOOK_SECRET: 'whsec_ours',
    WEBHOOK_ALLOW_PRIVATE: 'true',
    SMTP_URL: 'smtps://kana:p%40ss@mail.example.com',
    OIDC_ISSUER: 'https://accounts.example.com/kana',
    OIDC_CLIENT_ID: 'open-kana',
    OIDC_CLIENT_SECRET: 'a secret',
    OIDC_NAME: 'Example',
    ALERT_EMAIL: 'ops@example.com, night@example.com',
  };
  expect(parseConfig({ ...env, HOME: '/home/somebody' })).toEqual({
    port: 8080,
    host: '0.0.0.0',
    basePath: '/apps/kana-1.0',
    databaseUrl: 'postgres://kana@db/kana',
    databaseOwnerUrl: 'postgres://owner@db/kana',
    databaseReadUrl: 'postgres://kana@standby/kana',
    dataDir: '/srv/kana',
    keys: [`prv_test_${secret}`, `pub_test_${secret}`, `prv_live_${secret}`, `pub_live_${secret}`],
    secretKey: secret,
    tokenSecrets: [secret, `${secret}${secret}`],
    tokenIssuer: 'kana.example.com',
    clientOrigins: ['https://app.example.com', 'http://localhost:3000', 'capacitor://localhost'],
    segmentSecret: 'shared with Segment',
    rateLimit: 100,
    operationPlans: false,
    usageRetentionMonths: 24,
    processes: 4,
    demo: true,
    logLevel: 'debug',
    metricsToken: 'shown-to-prometheus',
    stripeApiBase: 'http://stripe.example.com:8080',
    stripeKeys: { test: { secretKey: 'rk_test_ours', webhookSecret: 'whsec_ours' } },
    webhookAllowPrivate: true,
    oidc: {
      issuer: new URL('https://accounts.example.com/kana'),
      clientId: 'open-kana',
      clientSecret: 'a secret',
      name: 'Example',
    },
    email: {
      server: {
        host: 'mail.example.com',
        port: 465,
        secure: true,
        requireTls: false,
        checkCertificate: true,
        login: { user: 'kana', password: 'p@ss' },
      },
      from: 'ops@example.com',
      to: ['ops@example.com', 'night@example.com'],
    },
    tracing: null,
  });
});

test('a slash at the end of BASE_PATH is ignored', () => {
  expect(parseConfig({ BASE_PATH: '/kana/' }).basePath).toBe('/kana');
  expect(parseConfig({ BASE_PATH: '/' }).basePath).toBe('');
});

test('a mail server without TLS and login, by its IPv6 address', () => {
  const { email } = parseConfig({
    SMTP_URL: 'smtp://[::1]:2525/?requireTLS=true&tls.rejectUnauthorized=false',
    ALERT_EMAIL: 'ops@example.com',
    ALERT_EMAIL_FROM: 'kana@example.com',
  });
  const reached = { host: '::1', port: 2525, secure: false, requireTls: true, checkCertificate: false };
  expect(email).toEqual({
    server: { ...reached, login: null },
    from: 'kana@example.com',
    to: ['ops@example.com'],
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
  ...['kana', '//kana', '/kana//eu', '/kana eu', '/kana?eu', '/../kana', '/kana/.', '/k%61na', '/käna'].map(
    (value) => [
      'BASE_PATH',
      value,
      'BASE_PATH must be a path such as /kana: a slash, then letters, digits, and any of ._-',
    ],
  ),
  ['STRIPE_API_BASE', 'stripe.example.com', 'STRIPE_API_BASE must be an http or https address'],
  [
    'STRIPE_LIVE_SECRET_KEY',
    'sk_test_ours',
    "STRIPE_LIVE_SECRET_KEY must be a key of Stripe's live mode, such as rk_live_…",
  ],
  [
    'STRIPE_TEST_SECRET_KEY',
    'sk_test_ours',
    'set both STRIPE_TEST_SECRET_KEY and STRIPE_TEST_WEBHOOK_SECRET, or neither',
  ],
  ...[
    'mail.example.com:587',
    'https://mail.example.com',
    'smtp://',
    'smtp://kana:pa%ss@mail.example.com',
    'smtp://mail.example.com/path',
    'smtp://mail.example.com?logger=true',
    'smtp://mail.example.com?tls.rejectUnauthorized=no',
  ].map((value) => [
    'SMTP_URL',
    value,
    'SMTP_URL must be an address like smtp://user:password@mail.example.com:587, with what is special percent-encoded; see docs/guides/webhooks.md',
  ]),
  ['SMTP_URL', 'smtp://mail.example.com', 'set both SMTP_URL and ALERT_EMAIL, or neither'],
  ['ALERT_EMAIL', 'ops@example.com', 'set both SMTP_URL and ALERT_EMAIL, or neither'],
  ...['ops', 'ops@example.com,', 'Ops <ops@example.com>'].map((value) => [
    'ALERT_EMAIL',
    value,
    'ALERT_EMAIL must be up to 20 email addresses, between commas',
  ]),
  ['OIDC_ISSUER', 'http://accounts.example.com', 'OIDC_ISSUER must be an https address'],
  ['OIDC_CLIENT_ID', 'open-kana', 'set all of OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET, or none'],
  ['ALERT_EMAIL_FROM', 'kana', 'ALERT_EMAIL_FROM must be an email address'],
  ['WEB_CONCURRENCY', '0', 'WEB_CONCURRENCY must be a number from 1 to 64'],
  ['WEB_CONCURRENCY', 'auto', 'WEB_CONCURRENCY must be a number from 1 to 64'],
  [
    'DATABASE_URL',
    'mysql://db/kana',
    'DATABASE_URL must be an address like postgresql://user:password@host:5432/database',
  ],
  ...['pa/ss', '12/3', '12?3', '12#3', 'pa#ss', 'pa%ss'].map((password) => [
    'DATABASE_URL',
    `postgresql://kana:${password}@db/kana`,
    'DATABASE_URL has a character that must be percent-encoded: %40 for @, %2F for /, %3F for ?, %23 for #, %25 for %',
  ]),
  ...['a:1,b:2/kana', 'kana:s@a,b/kana?target_session_attrs=standby'].map((address) => [
    'DATABASE_URL',
    `postgresql://${address}`,
    'DATABASE_URL names several hosts: add target_session_attrs=read-write, so that the primary is found among them',
  ]),
  [
    'DATABASE_URL',
    'postgresql:///kana?host=/a,/b',
    'DATABASE_URL names several hosts in a parameter: name them before the path, as in host1:5432,host2:5432',
  ],
  ...['a,,b', ',a', 'a,b:x'].map((hosts) => [
    'DATABASE_URL',
    `postgresql://${hosts}/kana?target_session_attrs=read-write`,
    'DATABASE_URL must be an address like postgresql://user:password@host:5432/database',
  ]),
  [
    'DATABASE_READ_URL',
    'postgresql://a,b/kana?target_session_attrs=read-write',
    'DATABASE_READ_URL names several hosts: name one standby',
  ],
  [
    'DATABASE_URL',
    'postgresql://db/kana?schema=billing',
    'DATABASE_URL asks for a schema: tables are kept in the schema public, so give Open Kana a database of its own',
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
  ['KANA_SECRET_KEY', 'short', 'KANA_SECRET_KEY must be a text of at least 32 characters'],
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

test('an address may name several hosts, each with a port of its own', () => {
  const address =
    'postgresql://kana:a%2Cb@one:1,two,[::1]:3/kana?target_session_attrs=read-write&sslmode=no-verify';
  expect(parseConfig({ DATABASE_URL: address }).databaseUrl).toBe(address);
  expect(addressesOf(address)).toEqual(
    ['one:1', 'two', '[::1]:3'].map((host) => `postgresql://kana:a%2Cb@${host}/kana?sslmode=no-verify`),
  );
  expect(addressesOf('postgresql://a,b/kana?sslmode=disable&target_session_attrs=primary')).toEqual([
    'postgresql://a/kana?sslmode=disable',
    'postgresql://b/kana?sslmode=disable',
  ]);
  expect(addressesOf('postgresql:///kana?host=/run/postgresql')).toEqual([
    'postgresql:///kana?host=/run/postgresql',
  ]);
});

test('a replica needs a primary', () => {
  expect(() => parseConfig({ DATABASE_READ_URL: 'postgres://kana@standby/kana' })).toThrow(
    'Bad configuration: DATABASE_READ_URL is a standby of DATABASE_URL, so set both.',
  );
});

describe('OpenTelemetry', () => {
  const OTEL_EXPORTER_OTLP_ENDPOINT = 'http://collector:4318/';
  const usual = {
    url: 'http://collector:4318/v1/traces',
    headers: {},
    timeoutMs: 10_000,
    resource: { 'service.name': 'open-kana' },
    ratio: 1,
    followsParent: true,
    delayMs: 5_000,
  };

  test('an address is enough', () => {
    expect(parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT }).tracing).toEqual(usual);
  });

  test.each([
    [{ OTEL_SDK_DISABLED: 'true' }],
    [{ OTEL_SDK_DISABLED: 'TRUE' }],
    [{ OTEL_TRACES_EXPORTER: 'none' }],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ])('%j switches it off', (variables) => {
    expect(parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT, ...variables }).tracing).toBeNull();
  });

  test.each<[Record<string, string>, object]>([
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://c/x' }, { url: 'https://c/x' }],
    [{ OTEL_EXPORTER_OTLP_HEADERS: 'api-key=a%20b, x = y=z' }, { headers: { 'api-key': 'a b', x: 'y=z' } }],
    [
      { OTEL_EXPORTER_OTLP_HEADERS: 'a=b', OTEL_EXPORTER_OTLP_TRACES_HEADERS: 'c=d' },
      { headers: { c: 'd' } },
    ],
    [{ OTEL_SERVICE_NAME: 'kana' }, { resource: { 'service.name': 'kana' } }],
    [
      { OTEL_RESOURCE_ATTRIBUTES: 'service.name=x,deployment.environment.name=eu' },
      { resource: { 'service.name': 'x', 'deployment.environment.name': 'eu' } },
    ],
    [{ OTEL_TRACES_SAMPLER: 'always_off' }, { ratio: 0, followsParent: false }],
    [
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0.25' },
      { ratio: 0.25, followsParent: true },
    ],
    [
      { OTEL_EXPORTER_OTLP_TIMEOUT: '500', OTEL_BSP_SCHEDULE_DELAY: '100' },
      { timeoutMs: 500, delayMs: 100 },
    ],
  ])('%j counts', (variables, read) => {
    expect(parseConfig({ OTEL_EXPORTER_OTLP_ENDPOINT, ...variables }).tracing).toEqual({ ...usual, ...read });
  });

  test.each([
    ['OTEL_EXPORTER_OTLP_ENDPOINT', 'collector:4318', 'an address like http://localhost:4318.'],
    ['OTEL_TRACES_SAMPLER', 'sometimes', 'one of always_on, always_off, '],
    ['OTEL_TRACES_SAMPLER_ARG', '1.5', 'a number from 0 to 1.'],
    ['OTEL_EXPORTER_OTLP_HEADERS', 'secret', 'name=value, between commas.'],
  ])('%s=%s is refused', (name, value, problem) => {
    expect(() => parseConfig({ [name]: value })).toThrow(`Bad configuration: ${name} must be ${problem}`);
  });
});

test('all bad variables are named at once, without their values', () => {
  const bad = { PORT: 'x', KANA_DEMO: 'perhaps', KANA_TEST_PRIVATE_KEY: 'secretive' };
  expect(() => parseConfig(bad)).toThrow(/PORT .*; KANA_TEST_PRIVATE_KEY .*; KANA_DEMO /);
  expect(() => parseConfig(bad)).not.toThrow(/secretive|perhaps/);
});

test.each([
  ['postgresql://kana:p%40ss%2Fword@db:5432/kana?schema=public'],
  ['postgresql://kana:two@signs@db/kana'],
  ['postgresql://kana@/kana?host=/var/run/postgresql'],
  ['postgresql:///kana?host=/var/run/postgresql&user=kana'],
  ['postgresql://db/kana?user=kana@provider&sslmode=no-verify'],
  ['postgresql://db/kana?sslmode=require&uselibpqcompat=true'],
])('%s is taken as it is', (DATABASE_URL) => {
  expect(parseConfig({ DATABASE_URL }).databaseUrl).toBe(DATABASE_URL);
});

test('the driver is told to check certificates, as it does in each of these modes, without a warning', () => {
  const url = (mode: string) => `postgresql://db/kana?sslmode=${mode}`;
  for (const mode of ['prefer', 'require', 'verify-ca', 'verify-full'])
    expect(parseConfig({ DATABASE_URL: url(mode) }).databaseUrl).toBe(url('verify-full'));
});
