import { type Counter, createRegistry, type Histogram, type Registry } from './registry.ts';
import type { Tracing } from './tracing.ts';

/** What one lane tells of itself; see createLane. */
export interface LaneMeter {
  name: string;
  /** Null traces nothing. */
  tracing: Tracing | null;
  /** How many calls wait for a batch. */
  waiting: number;
  size: Histogram;
  /** How long batches take, in seconds. */
  duration: Histogram;
}

/** All that this process counts. Labels are words of ours, never of a client: there are only so many. */
export interface Meters {
  registry: Registry;
  /** Follows requests through the server; null follows none. */
  tracing: Tracing | null;
  /** @param operation the field of the schema; empty where there is none */
  countRequest(request: { path: string; operation: string; outcome: string; seconds: number }): void;
  lane(name: string): LaneMeter;
  /** Requests that found no room. */
  refused: Counter;
  countSegmentEvent(outcome: string): void;
  countJob(job: { task: string; outcome: 'ok' | 'failed'; seconds: number }): void;
}

const requestBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];
const jobBuckets = [0.01, 0.1, 1, 10, 60, 600];

export function createMeters(tracing: Tracing | null = null): Meters {
  const registry = createRegistry();
  const { counter, histogram } = registry;
  const requests = counter('kana_requests_total', 'Requests that were answered.', [
    'path',
    'operation',
    'outcome',
  ]);
  const durations = histogram(
    'kana_request_duration_seconds',
    'From the arrival of a request to the end of its answer.',
    requestBuckets,
    ['path', 'operation'],
  );
  const events = counter('kana_segment_events_total', 'Segment events that came in.', ['outcome']);
  const jobs = counter('kana_jobs_total', 'Jobs that were run in the background.', ['task', 'outcome']);
  const jobDurations = histogram('kana_job_duration_seconds', 'How long jobs took.', jobBuckets, ['task']);
  return {
    registry,
    tracing,
    countRequest({ path, operation, outcome, seconds }) {
      requests.of(path, operation, outcome).add();
      durations.of(path, operation).observe(seconds);
    },
    lane: createLaneMeters(registry, tracing),
    refused: counter(
      'kana_requests_refused_total',
      'Requests that were refused because too many were worked on.',
    ).of(),
    countSegmentEvent: (outcome) => events.of(outcome).add(),
    countJob({ task, outcome, seconds }) {
      jobs.of(task, outcome).add();
      jobDurations.of(task).observe(seconds);
    },
  };
}

function createLaneMeters({ histogram, gauge }: Registry, tracing: Tracing | null): Meters['lane'] {
  const lanes = new Map<string, LaneMeter>();
  const sizes = histogram('kana_batch_size', 'Calls that were answered by one batch.', batchBuckets, [
    'lane',
  ]);
  const durations = histogram('kana_batch_duration_seconds', 'How long batches took.', requestBuckets, [
    'lane',
  ]);
  gauge('kana_lane_waiting', 'Calls that wait for a batch.', function* read() {
    for (const [lane, { waiting }] of lanes) yield [{ lane }, waiting];
  });
  return (name) => {
    const meter = { name, tracing, waiting: 0, size: sizes.of(name), duration: durations.of(name) };
    lanes.set(name, meter);
    return meter;
  };
}
