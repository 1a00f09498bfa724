import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import type { TracingSettings } from './tracing-settings.ts';

/** What names a span, also to other programs. */
export interface SpanContext {
  traceId: string;
  spanId: string;
  sampled: boolean;
}

/** Never a word of a client's, and nothing secret. */
type Attributes = Record<string, string | number | undefined>;

/** A piece of work in a trace. */
export interface Span {
  /** Spans that begin in this work are its children. */
  run<Result>(work: () => Result): Result;
  /** @param failure what went wrong, in one word */
  end(outcome?: { name?: string; attributes?: Attributes; failure?: string | undefined }): void;
}

interface SpanStart {
  name: string;
  kind: 'INTERNAL' | 'SERVER' | 'CLIENT';
  attributes?: Attributes;
  /** What it is part of; by default what is being worked in. */
  parent?: SpanContext | null;
  /** Other spans that it works for. */
  links?: SpanContext[];
}

export interface Tracing {
  begin(start: SpanStart): Span;
  /** The span that is being worked in. */
  here(): SpanContext | null;
}

/** A span that has ended. Times are in milliseconds since 1970. */
export interface EndedSpan extends Required<Omit<SpanStart, 'parent'>> {
  context: SpanContext;
  parentSpanId: string | null;
  startedAt: number;
  endedAt: number;
  failure: string | null;
}

const now = () => performance.timeOrigin + performance.now();

/** @param take gets each span of a trace that is kept, when it has ended */
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
      const sampled = parent !== null && followsParent ? parent.sampled : isKept(traceId, ratio);
      const context = { traceId, spanId: randomBytes(8).toString('hex'), sampled };
      const startedAt = now();
      return {
        run: (work) => current.run(context, work),
        end({ name: lastName = name, attributes: more = {}, failure } = {}) {
          if (!sampled) return;
          const told = { name: lastName, kind, links, attributes: { ...attributes, ...more } };
          const times = { startedAt, endedAt: now() };
          take({
            context,
            parentSpanId: parent?.spanId ?? null,
            ...told,
            ...times,
            failure: failure ?? null,
          });
        },
      };
    },
  };
}

/** The same trace is kept by every program, or by none: its id decides. */
const isKept = (traceId: string, ratio: number) => Number.parseInt(traceId.slice(-13), 16) / 16 ** 13 < ratio;

const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** The caller's span, from the header `traceparent` of the W3C; null without one that can be read. */
export function readTraceparent(header: string | string[] | undefined): SpanContext | null {
  const [, traceId, spanId, flags] = traceparent.exec(typeof header === 'string' ? header : '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return null;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}
