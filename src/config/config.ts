import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { z } from 'zod';
import { StartupError } from '../errors.ts';
import { addressesOf, databaseUrl } from './database-address.ts';
import { type EmailSettings, emailSettings, emailVariables } from './email.ts';
import { type OidcSettings, oidcSettings, oidcVariables } from './oidc.ts';
import { type TracingSettings, tracingSettings, tracingVariables } from './tracing.ts';

export interface Config {
  port: number;
  host: string;
  /** The path that all routes are below, such as `/kana`; empty if there is none. */
  basePath: string;
  /** The operator's PostgreSQL; undefined uses the embedded one. */
  databaseUrl: string | undefined;
  /** The same database, as the role that owns and migrates the tables; undefined uses the server's role. */
  databaseOwnerUrl: string | undefined;
  /** A standby of the same database, for reads that nothing depends on; undefined reads the primary. */
  databaseReadUrl: string | undefined;
  /** The embedded server's directory. */
  dataDir: string;
  /** Configured keys, installed at every start. */
  keys: string[];
  /** The keys that sign sessions and encrypt secrets are derived from it; undefined if not configured. */
  secretKey: string | undefined;
  /** Secrets of user tokens: the first one signs, all verify. Empty uses the secrets in the database. */
  tokenSecrets: string[];
  /** The issuer in user tokens. */
  tokenIssuer: string;
  /** The origins that may call the client API from a browser. `*` allows every origin. */
  clientOrigins: string[];
  /** The secret with which Segment signs requests; undefined accepts requests without a signature. */
  segmentSecret: string | undefined;
  /** Whether webhooks may have addresses of private networks. */
  webhookAllowPrivate: boolean;
  /** How alerts are mailed; null disables it. */
  email: EmailSettings | null;
  /** By which provider members may sign in; null disables it. */
  oidc: OidcSettings | null;
  /** The requests per second that each key may send to a process; null is unlimited. */
  rateLimit: number | null;
  /** Whether operations that clients repeat are answered by plans. */
  operationPlans: boolean;
  /** For how many months single usages are kept, before their sums take their place; null is for ever. */
  usageRetentionMonths: number | null;
  /** The number of server processes. They share the port. */
  processes: number;
  /** Whether an empty test environment gets the demo catalogue. */
  demo: boolean;
  logLevel: z.infer<typeof logLevel>;
  /** Another address for Stripe's API; undefined is Stripe's own. */
  stripeApiBase: string | undefined;
  /** With which keys environments are connected with Stripe at start, by environment. */
  stripeKeys: Readonly<Record<string, StripeKeys>>;
  /** The token that a reader of /metrics must send; undefined disables /metrics. */
  metricsToken: string | undefined;
  /** Where traces are sent; null disables tracing. */
  tracing: TracingSettings | null;
}

/** A key of Stripe's, and the signing secret of a webhook endpoint there. */
export interface StripeKeys {
  secretKey: string;
  webhookSecret: string;
}

/** A shell expands `~`. A `.env` file and the settings of a container do not. */
const dataDir = z
  .string()
  .refine((path) => !/^~[^/]/.test(path), 'must not begin with ~ and a name: write the whole path')
  .transform((path) => path.replace(/^~(?=\/|$)/, homedir()));

const port = z
  .string()
  .refine((text) => /^\d{1,5}$/.test(text) && Number(text) < 65_536, 'must be a port number, 0 to 65535')
  .transform(Number);

/** A trailing slash is ignored. What would need percent-encoding, or what a browser resolves, is refused. */
const basePath = z
  .string()
  .transform((path) => path.replace(/\/$/, ''))
  .refine(
    (path) => /^(\/(?!\.{1,2}(\/|$))[\w.-]+)*$/.test(path),
    'must be a path such as /kana: a slash, then letters, digits, and any of ._-',
  );

const processes = z
  .string()
  .refine(
    (text) => /^\d{1,2}$/.test(text) && Number(text) > 0 && Number(text) <= 64,
    'must be a number from 1 to 64',
  )
  .transform(Number);

const rate = z
  .string()
  .refine((text) => /^[1-9]\d{0,5}$/.test(text), 'must be a number from 1 to 999999')
  .transform(Number);

/** What is sent to billing meters is compared for two months. The database refuses less than three, too. */
const retentionMonths = z
  .string()
  .refine(
    (text) => /^\d{1,3}$/.test(text) && Number(text) >= 3 && Number(text) <= 120,
    'must be a number of months from 3 to 120',
  )
  .transform(Number);

const key = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[A-Za-z0-9]{32}$`), `must be ${prefix}_ and 32 letters and digits`)
    .optional();

const stripeKey = (mode: 'test' | 'live') =>
  z
    .string()
    .regex(
      new RegExp(`^(sk|rk)_${mode}_\\w+$`),
      `must be a key of Stripe's ${mode} mode, such as rk_${mode}_…`,
    )
    .optional();

const stripeWebhookSecret = z
  .string()
  .regex(/^whsec_\S+$/, 'must be the signing secret of an endpoint at Stripe, such as whsec_…')
  .optional();

const boolean = z.enum(['true', 'false'], 'must be true or false').transform((word) => word === 'true');

/** A comma-separated list. Spaces around items are ignored. */
const list = (item: z.ZodType<string>, problem: string) =>
  z
    .string()
    .transform((text) => text.split(',').map((each) => each.trim()))
    .refine((items) => items.every((each) => item.safeParse(each).success), problem);

const secretKey = z.string().min(32, 'must be a text of at least 32 characters');

/** HMAC-SHA256 needs a secret of 256 bits: shorter ones are refused. */
const tokenSecrets = list(z.string().min(32), 'must be secrets of at least 32 characters, between commas');

/** Origins as browsers send them: no path, no trailing slash. Apps have their own schemes. */
const origins = list(
  z.string().regex(/^(\*|[a-z][a-z0-9+.-]*:\/\/[^/?#*\sA-Z]+)$/),
  'must be * or origins like https://app.example.com, between commas',
);

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const logLevel = z.enum(logLevels, `must be one of ${logLevels.join(', ')}`);

/** The variables that Open Kana reads; .env.example explains them. */
const variables = z.object({
  PORT: port.default(4000),
  HOST: z.string().default('127.0.0.1'),
  BASE_PATH: basePath.default(''),
  DATABASE_URL: databaseUrl.optional(),
  DATABASE_OWNER_URL: databaseUrl.optional(),
  DATABASE_READ_URL: databaseUrl
    .refine((url) => addressesOf(url).length === 1, 'names several hosts: name one standby')
    .optional(),
  DATA_DIR: dataDir.default('.data'),
  KANA_TEST_PRIVATE_KEY: key('prv_test'),
  KANA_TEST_PUBLIC_KEY: key('pub_test'),
  KANA_LIVE_PRIVATE_KEY: key('prv_live'),
  KANA_LIVE_PUBLIC_KEY: key('pub_live'),
  KANA_SECRET_KEY: secretKey.optional(),
  KANA_USER_TOKEN_SECRETS: tokenSecrets.default([]),
  KANA_TOKEN_ISSUER: z.string().default('usekana.com'),
  CLIENT_CORS_ORIGINS: origins.default([]),
  SEGMENT_SHARED_SECRET: z.string().optional(),
  WEBHOOK_ALLOW_PRIVATE: boolean.default(false),
  ...emailVariables,
  ...oidcVariables,
  RATE_LIMIT_PER_SECOND: rate.optional(),
  OPERATION_PLANS: boolean.default(true),
  USAGE_RETENTION_MONTHS: retentionMonths.optional(),
  WEB_CONCURRENCY: processes.default(1),
  KANA_DEMO: boolean.optional(),
  LOG_LEVEL: logLevel.default('info'),
  STRIPE_API_BASE: z
    .string()
    .refine(
      (text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol),
      'must be an http or https address',
    )
    .optional(),
  STRIPE_TEST_SECRET_KEY: stripeKey('test'),
  STRIPE_TEST_WEBHOOK_SECRET: stripeWebhookSecret,
  STRIPE_LIVE_SECRET_KEY: stripeKey('live'),
  STRIPE_LIVE_WEBHOOK_SECRET: stripeWebhookSecret,
  METRICS_TOKEN: z
    .string()
    .regex(/^[!-~]{16,}$/, 'must be at least 16 characters of ASCII, without spaces')
    .optional(),
  ...tracingVariables,
});

/**
 * Reads the configuration from environment variables. An empty variable counts as not set. Throws a StartupError that
 * names every invalid variable, and never quotes a value: it may be a secret.
 */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const { data, error } = variables.safeParse(set);
  if (error !== undefined) {
    const problems = error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    throw new StartupError(`Bad configuration: ${problems.join('; ')}.`);
  }
  if (data.DATABASE_READ_URL !== undefined && data.DATABASE_URL === undefined)
    throw new StartupError('Bad configuration: DATABASE_READ_URL is a standby of DATABASE_URL, so set both.');
  const keys = [
    data.KANA_TEST_PRIVATE_KEY,
    data.KANA_TEST_PUBLIC_KEY,
    data.KANA_LIVE_PRIVATE_KEY,
    data.KANA_LIVE_PUBLIC_KEY,
  ];
  return {
    port: data.PORT,
    host: data.HOST,
    basePath: data.BASE_PATH,
    databaseUrl: data.DATABASE_URL,
    databaseOwnerUrl: data.DATABASE_URL === undefined ? undefined : data.DATABASE_OWNER_URL,
    databaseReadUrl: data.DATABASE_READ_URL,
    dataDir: data.DATA_DIR,
    keys: keys.filter((given) => given !== undefined),
    secretKey: data.KANA_SECRET_KEY,
    tokenSecrets: data.KANA_USER_TOKEN_SECRETS,
    tokenIssuer: data.KANA_TOKEN_ISSUER,
    clientOrigins: data.CLIENT_CORS_ORIGINS,
    segmentSecret: data.SEGMENT_SHARED_SECRET,
    webhookAllowPrivate: data.WEBHOOK_ALLOW_PRIVATE,
    email: emailSettings(data),
    oidc: oidcSettings(data),
    rateLimit: data.RATE_LIMIT_PER_SECOND ?? null,
    operationPlans: data.OPERATION_PLANS,
    usageRetentionMonths: data.USAGE_RETENTION_MONTHS ?? null,
    processes: data.WEB_CONCURRENCY,
    demo: data.KANA_DEMO ?? data.DATABASE_URL === undefined,
    logLevel: data.LOG_LEVEL,
    stripeApiBase: data.STRIPE_API_BASE,
    stripeKeys: {
      ...stripeKeysOf('test', data.STRIPE_TEST_SECRET_KEY, data.STRIPE_TEST_WEBHOOK_SECRET),
      ...stripeKeysOf('live', data.STRIPE_LIVE_SECRET_KEY, data.STRIPE_LIVE_WEBHOOK_SECRET),
    },
    metricsToken: data.METRICS_TOKEN,
    tracing: tracingSettings(data),
  };
}

function stripeKeysOf(
  environmentId: 'test' | 'live',
  secretKey: string | undefined,
  webhookSecret: string | undefined,
): Record<string, StripeKeys> {
  if (secretKey !== undefined && webhookSecret !== undefined)
    return { [environmentId]: { secretKey, webhookSecret } };
  if (secretKey === undefined && webhookSecret === undefined) return {};
  const name = `STRIPE_${environmentId.toUpperCase()}`;
  throw new StartupError(
    `Bad configuration: set both ${name}_SECRET_KEY and ${name}_WEBHOOK_SECRET, or neither.`,
  );
}

/** Sets the variables of the file `.env` that are not set. */
export function loadEnvFile(): void {
  if (existsSync('.env')) process.loadEnvFile('.env');
}

/** Reads the configuration of this process from its environment, and from `.env` for variables that are not set. */
export function loadConfig(): Config {
  loadEnvFile();
  return parseConfig(process.env);
}
