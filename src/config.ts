import { z } from 'zod';
import { StartupError } from './errors.ts';

export interface Config {
  port: number;
  host: string;
  /** A PostgreSQL of the operator's own; undefined runs the embedded one. */
  databaseUrl: string | undefined;
  /** The embedded server's directory. */
  dataDir: string;
  /** Keys chosen outside, installed at every start. */
  keys: string[];
  /** Whether an empty test environment gets the demo catalogue. */
  demo: boolean;
  logLevel: z.infer<typeof logLevel>;
}

const port = z
  .string()
  .refine((text) => /^\d{1,5}$/.test(text) && Number(text) < 65_536, 'must be a port number, 0 to 65535')
  .transform(Number);

const databaseUrl = z
  .string()
  .refine(
    (text) => /^postgres(ql)?:\/\//.test(text) && URL.canParse(text),
    'must be an address like postgresql://user:password@host:5432/database',
  );

const key = (prefix: string) =>
  z
    .string()
    .regex(new RegExp(`^${prefix}_[A-Za-z0-9]{32}$`), `must be ${prefix}_ and 32 letters and digits`)
    .optional();

const truth = z.enum(['true', 'false'], 'must be true or false').transform((word) => word === 'true');

const logLevels = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const;
const logLevel = z.enum(logLevels, `must be one of ${logLevels.join(', ')}`);

/** The variables that Open Kana reads; .env.example explains them. */
const variables = z.object({
  PORT: port.default(4000),
  HOST: z.string().default('127.0.0.1'),
  DATABASE_URL: databaseUrl.optional(),
  DATA_DIR: z.string().default('.data'),
  KANA_TEST_PRIVATE_KEY: key('prv_test'),
  KANA_TEST_PUBLIC_KEY: key('pub_test'),
  KANA_LIVE_PRIVATE_KEY: key('prv_live'),
  KANA_LIVE_PUBLIC_KEY: key('pub_live'),
  KANA_DEMO: truth.optional(),
  LOG_LEVEL: logLevel.default('info'),
});

/**
 * Reads the configuration from environment variables; one that is set to nothing counts as not set. Throws a
 * StartupError that names every bad variable at once, and repeats no value: it may be a secret.
 */
export function parseConfig(env: Record<string, string | undefined>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value?.trim()));
  const { data, error } = variables.safeParse(set);
  if (error !== undefined) {
    const problems = error.issues.map(({ path, message }) => `${path.join('.')} ${message}`);
    throw new StartupError(`Bad configuration: ${problems.join('; ')}.`);
  }
  const keys = [
    data.KANA_TEST_PRIVATE_KEY,
    data.KANA_TEST_PUBLIC_KEY,
    data.KANA_LIVE_PRIVATE_KEY,
    data.KANA_LIVE_PUBLIC_KEY,
  ];
  return {
    port: data.PORT,
    host: data.HOST,
    databaseUrl: data.DATABASE_URL,
    dataDir: data.DATA_DIR,
    keys: keys.filter((given) => given !== undefined),
    demo: data.KANA_DEMO ?? data.DATABASE_URL === undefined,
    logLevel: data.LOG_LEVEL,
  };
}
