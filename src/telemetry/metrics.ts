// Its successor, @prometheus-io/client, has the same API and needs Node.js 22.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Tracing } from './tracing.ts';

/** The metrics of one lane. See createLane. */
export interface LaneMetrics {
  name: string;
  /** Null: nothing is traced. */
  tracing: Tracing | null;
  /** How many calls wait for a batch now. */
  waiting: number;
  size: Histogram.Internal<string>;
  /** How long batches take, in seconds. */
  duration: Histogram.Internal<string>;
}

/** The metrics of one server. Labels are our own words, never a client's: their number is bounded. */
export interface Metrics {
  registry: Registry;
  /** Traces requests. Null: nothing is traced. */
  tracing: Tracing | null;
  /** Answered requests, by path, operation and outcome. The operation is the field of the schema; empty without one. */
  requests: Counter;
  /** How long they took, in seconds, by path and operation. */
  requestDurations: Histogram;
  lane(name: string): LaneMetrics;
  /** Requests that the gate refused. */
  refused: Counter;
  countSegmentEvent(outcome: string): void;
  countJob(job: { task: string; outcome: 'ok' | 'failed'; seconds: number }): void;
}

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const jobBuckets = [0.01, 0.1, 1, 10, 60, 600];

/** Each server has its own registry, so that several in one process do not share counters. */
export function createMetrics(tracing: Tracing | null = null): Metrics {
  const registry = new Registry();
  const counter = (name: string, help: string, labelNames: string[] = []) =>
    new Counter({ name, help, labelNames, registers: [registry] });
  const histogram = (name: string, help: string, buckets: number[], labelNames: string[]) =>
    new Histogram({ name, help, buckets, labelNames, registers: [registry] });

  const kinds = ['path', 'operation'];
  const events = counter('kana_segment_events_total', 'Segment events that came in.', ['outcome']);
  const jobs = counter('kana_jobs_total', 'Jobs that were run in the background.', ['task', 'outcome']);
  const jobDurations = histogram('kana_job_duration_seconds', 'How long jobs took.', jobBuckets, ['task']);
  return {
    registry,
    tracing,
    requests: counter('kana_requests_total', 'Requests that were answered.', [...kinds, 'outcome']),
    requestDurations: histogram(
      'kana_request_duration_seconds',
      'From the arrival of a request to the end of its answer.',
      requestBuckets,
      kinds,
    ),
    lane: createLaneMetrics(registry, tracing),
    refused: counter(
      'kana_requests_refused_total',
      'Requests that were refused because there was no room for them.',
    ),
    countSegmentEvent: (outcome) => events.inc({ outcome }),
    countJob({ task, outcome, seconds }) {
      jobs.inc({ task, outcome });
      jobDurations.observe({ task }, seconds);
    },
  };
}

function createLaneMetrics(registry: Registry, tracing: Tracing | null): Metrics['lane'] {
  const lanes = new Map<string, LaneMetrics>();
  const common = { labelNames: ['lane'], registers: [registry] };
  const sizes = new Histogram({
    name: 'kana_batch_size',
    help: 'Calls that were answered by one batch.',
    buckets: batchBuckets,
    ...common,
  });
  const durations = new Histogram({
    name: 'kana_batch_duration_seconds',
    help: 'How long batches took.',
    buckets: requestBuckets,
    ...common,
  });
  new Gauge({
    name: 'kana_lane_waiting',
    help: 'Calls that wait for a batch.',
    collect() {
      for (const { name, waiting } of lanes.values()) this.set({ lane: name }, waiting);
    },
    ...common,
  });
  return (name) => {
    const metrics = { name, tracing, waiting: 0, size: sizes.labels(name), duration: durations.labels(name) };
    lanes.set(name, metrics);
    return metrics;
  };
}

/**
 * Registers the metrics of this process. Watching the event loop and the garbage collector costs a little, so it
 * begins only when metrics are exposed.
 */
export function registerProcessMetrics(registry: Registry, version: string): void {
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: 'kana_build_info',
    help: 'Which version runs; always 1.',
    labelNames: ['version', 'node'],
    registers: [registry],
    aggregator: 'max',
  }).set({ version, node: process.version }, 1);
}
