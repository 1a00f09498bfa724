import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { TracingSettings } from '../config/tracing.ts';

/** Identifies a span, also to other programs. */
export interface SpanContext {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

/** Never what a client wrote, and nothing secret. */
type Attributes = Record<string, string | number | undefined>;

/** A span: one piece of work in a trace. */
export interface Span {
  /** Runs `work`. Spans that begin in it are children of this one. */
  run<Result>(work: () => Result): Result;
  /** @param failure the kind of failure, in one word */
  end(outcome?: { name?: string; attributes?: Attributes; failure?: string | undefined }): void;
}

interface SpanStart {
  name: string;
  kind: 'INTERNAL' | 'SERVER' | 'CLIENT';
  attributes?: Attributes;
  /** The parent span. By default the current one. */
  parent?: SpanContext | null;
  /** Other spans that this work serves. */
  links?: SpanContext[];
}

export interface Tracing {
  begin(start: SpanStart): Span;
  /** The current span. */
  here(): SpanContext | null;
}

/** An ended span. Times are in milliseconds since 1970. */
export interface EndedSpan extends Required<Omit<SpanStart, 'parent'>> {
  context: SpanContext;
  parentSpanId: string | null;
  startedAt: number;
  endedAt: number;
  failure: string | null;
}

const now = () => performance.timeOrigin + performance.now();

/** @param take receives each ended span of a sampled trace */
export function createTracing(
  { ratio, followsParent }: Pick<TracingSettings, 'ratio' | 'followsParent'>,
  take: (span: EndedSpan) => void,
): Tracing {
  const current = new AsyncLocalStorage<SpanContext>();
  const here = () => current.getStore() ?? null;

  return {
    here,
    begin({ name, kind, attributes = {}, parent = here(), links = [] }) {
      const traceId = parent?.traceId ?? randomBytes(16).toString('hex');
      const sampled = parent !== null && followsParent ? parent.sampled : isSampled(traceId, ratio);
      const context = { traceId, spanId: randomBytes(8).toString('hex'), sampled };
      const startedAt = now();
      return {
        run: (work) => current.run(context, work),
        end({ name: lastName = name, attributes: more = {}, failure } = {}) {
          if (!sampled) return;
          take({
            context,
            parentSpanId: parent?.spanId ?? null,
            name: lastName,
            kind,
            links,
            attributes: { ...attributes, ...more },
            startedAt,
            endedAt: now(),
            failure: failure ?? null,
          });
        },
      };
    },
  };
}

/** The trace id decides, so that every program keeps the same traces. */
const isSampled = (traceId: string, ratio: number) =>
  Number.parseInt(traceId.slice(-13), 16) / 16 ** 13 < ratio;

const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The caller's span, from the W3C header `traceparent`. Null if it is missing or invalid. */
export function readTraceparent(header: string | string[] | undefined): SpanContext | null {
  const [, traceId, spanId, flags] = traceparent.exec(typeof header === 'string' ? header : '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
