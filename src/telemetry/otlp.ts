import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { TracingSettings } from '../config/tracing.ts';
import type { EndedSpan } from './tracing.ts';

/** Collects spans, and sends them in batches. */
export interface SpanExporter {
  take(span: EndedSpan): void;
  /** Sends the rest. */
  stop(): Promise<void>;
}

/** How many spans one request holds, and how many may wait. More are dropped. */
const maxBatch = 512;
const maxWaiting = 2_048;

/** How long shutdown waits for the collector. */
const shutdownTimeoutMs = 3_000;

/** HTTP statuses that mean to retry, and the delays before each retry. */
const retryableStatuses = new Set([408, 429, 502, 503, 504]);
const retryDelaysMs = [500, 1_500];

/** Sends spans to a collector over OTLP. Requests never wait for it and never fail because of it. */
export function createExporter(settings: TracingSettings, log: Logger): SpanExporter {
  const waiting: EndedSpan[] = [];
  let lost = 0;
  let sending: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;

  async function sendAll() {
    while (waiting.length > 0) {
      const batch = waiting.splice(0, maxBatch);
      if (!(await send(settings, batch))) lost += batch.length;
    }
    if (lost > 0) log.warn({ spans: lost }, 'spans were lost: the collector of traces does not take them');
    lost = 0;
  }
  function flush(): Promise<void> {
    sending ??= sendAll().finally(() => {
      sending = null;
      if (waiting.length > 0) schedule();
    });
    return sending;
  }
  function schedule() {
    if (timer !== null) return;
    timer = setTimeout(() => {
      timer = null;
      void flush();
    }, settings.delayMs).unref();
  }
  return {
    take(span) {
      if (waiting.length >= maxWaiting) {
        lost += 1;
        return;
      }
      waiting.push(span);
      if (waiting.length >= maxBatch) void flush();
      else schedule();
    },
    async stop() {
      const sent = Promise.resolve(sending).then(flush);
      await Promise.race([sent, sleep(shutdownTimeoutMs)]);
    },
  };
}

async function send(
  { url, headers, timeoutMs, resource }: TracingSettings,
  spans: EndedSpan[],
): Promise<boolean> {
  const body = JSON.stringify(encode(resource, spans));
  const type = { 'Content-Type': 'application/json' };
  for (const delayMs of [...retryDelaysMs, null]) {
    const signal = AbortSignal.timeout(timeoutMs);
    const answer = await fetch(url, { method: 'POST', headers: { ...headers, ...type }, body, signal }).catch(
      () => null,
    );
    await answer?.body?.cancel();
    if (answer?.ok) return true;
    if (delayMs === null || (answer !== null && !retryableStatuses.has(answer.status))) return false;
    await sleep(delayMs, undefined, { ref: false });
  }
  return false;
}

const kinds = { INTERNAL: 1, SERVER: 2, CLIENT: 3 } as const;

function encode(resource: Record<string, string>, spans: EndedSpan[]): object {
  const scopeSpans = [{ scope: { name: 'open-kana' }, spans: spans.map(encodeSpan) }];
  return { resourceSpans: [{ resource: { attributes: encodeAttributes(resource) }, scopeSpans }] };
}

function encodeSpan({
  context,
  parentSpanId,
  name,
  kind,
  attributes,
  links,
  failure,
  ...times
}: EndedSpan): object {
  const { traceId, spanId } = context;
  return {
    traceId,
    spanId,
    ...(parentSpanId === null ? {} : { parentSpanId }),
    flags: 1,
    name,
    kind: kinds[kind],
    startTimeUnixNano: toNanoseconds(times.startedAt),
    endTimeUnixNano: toNanoseconds(times.endedAt),
    attributes: encodeAttributes({ ...attributes, 'error.type': failure ?? undefined }),
    links: links.map((link) => ({ traceId: link.traceId, spanId: link.spanId })),
    status: failure === null ? {} : { code: 2 },
  };
}

function encodeAttributes(attributes: Record<string, string | number | undefined>): object[] {
  return Object.entries(attributes).flatMap(([key, value]) => {
    if (value === undefined) return [];
    return [{ key, value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) } }];
  });
}

/** As text: a JavaScript number does not have that many digits. */
const toNanoseconds = (milliseconds: number): string =>
  `${Math.floor(milliseconds)}${String(Math.floor((milliseconds % 1) * 1e6)).padStart(6, '0')}`;
