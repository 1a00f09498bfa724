import { z } from 'zod';

/** Where traces are sent, and which. */
export interface TracingSettings {
  /** The collector's address: OTLP over HTTP, in JSON. */
  url: string;
  headers: Record<string, string>;
  /** How long one attempt to send may take. */
  timeoutMs: number;
  /** What the traces are about: service name, version and so on. */
  resource: Record<string, string>;
  /** The share of traces to keep, from 0 to 1. */
  ratio: number;
  /** Whether the caller's sampling decision holds for our spans too. */
  followsParent: boolean;
  /** How long spans wait to be sent together. */
  delayMs: number;
}

const address = z.url({ protocol: /^https?$/, error: 'must be an address like http://localhost:4318' });
const number = (problem: string, isGood: (value: number) => boolean) =>
  z
    .string()
    .refine((text) => /^\d+(\.\d+)?$/.test(text) && isGood(Number(text)), problem)
    .transform(Number);
const milliseconds = number('must be a number of milliseconds', (value) => value > 0 && value < 2 ** 31);
const samplers = [
  ...['always_on', 'always_off', 'traceidratio'],
  ...['parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'],
];

/** OpenTelemetry's lists: `name=value,name=value`, percent-encoded. */
const pairs = z
  .string()
  .refine(
    (text) => text.split(',').every((pair) => /^\s*[^=\s]+\s*=/.test(pair)),
    'must be name=value, between commas',
  )
  .transform((text) => Object.fromEntries(text.split(',').map(readPair)));

function readPair(pair: string): [string, string] {
  const at = pair.indexOf('=');
  return [decode(pair.slice(0, at)), decode(pair.slice(at + 1))];
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text.trim());
  } catch {
    return text.trim();
  }
}

/** The variables of OpenTelemetry that we read. */
export const tracingVariables = {
  OTEL_SDK_DISABLED: z.string().default('false'),
  OTEL_TRACES_EXPORTER: z.enum(['otlp', 'none'], 'must be otlp or none').default('otlp'),
  OTEL_SERVICE_NAME: z.string().optional(),
  OTEL_RESOURCE_ATTRIBUTES: pairs.default({}),
  OTEL_EXPORTER_OTLP_ENDPOINT: address.optional(),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: address.optional(),
  OTEL_EXPORTER_OTLP_HEADERS: pairs.default({}),
  OTEL_EXPORTER_OTLP_TRACES_HEADERS: pairs.optional(),
  OTEL_EXPORTER_OTLP_TIMEOUT: milliseconds.default(10_000),
  OTEL_TRACES_SAMPLER: z
    .enum(samplers, `must be one of ${samplers.join(', ')}`)
    .default('parentbased_always_on'),
  OTEL_TRACES_SAMPLER_ARG: number('must be a number from 0 to 1', (value) => value <= 1).default(1),
  OTEL_BSP_SCHEDULE_DELAY: milliseconds.default(5_000),
};

type Variables = z.output<z.ZodObject<typeof tracingVariables>>;

/** Null without an address, or if tracing is disabled. */
export function tracingSettings(given: Variables): TracingSettings | null {
  const base = given.OTEL_EXPORTER_OTLP_ENDPOINT?.replace(/\/+$/, '');
  const url =
    given.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? (base === undefined ? undefined : `${base}/v1/traces`);
  const off = given.OTEL_SDK_DISABLED.toLowerCase() === 'true' || given.OTEL_TRACES_EXPORTER === 'none';
  if (url === undefined || off) return null;
  const sampler = given.OTEL_TRACES_SAMPLER;
  return {
    url,
    headers: given.OTEL_EXPORTER_OTLP_TRACES_HEADERS ?? given.OTEL_EXPORTER_OTLP_HEADERS,
    timeoutMs: given.OTEL_EXPORTER_OTLP_TIMEOUT,
    resource: {
      'service.name': 'open-kana',
      ...given.OTEL_RESOURCE_ATTRIBUTES,
      ...(given.OTEL_SERVICE_NAME === undefined ? {} : { 'service.name': given.OTEL_SERVICE_NAME }),
    },
    ratio: sampler.endsWith('always_off')
      ? 0
      : sampler.endsWith('always_on')
        ? 1
        : given.OTEL_TRACES_SAMPLER_ARG,
    followsParent: sampler.startsWith('parentbased_'),
    delayMs: given.OTEL_BSP_SCHEDULE_DELAY,
  };
}
