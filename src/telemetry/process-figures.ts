import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay, PerformanceObserver } from 'node:perf_hooks';
import type { Registry } from './registry.ts';

const nanoseconds = 1e-9;

/**
 * What every process tells of itself, under the names that dashboards for Node.js know. To watch the event loop
 * and the garbage collector costs a little, so it begins only here.
 */
export function tellProcess(registry: Registry, version: string): void {
  const { gauge } = registry;
  const startedAt = Date.now() / 1_000 - process.uptime();
  const one = (read: () => number) => () => [[{}, read()] as [Record<string, string>, number]];
  const cpu = (of: 'user' | 'system') => one(() => process.cpuUsage()[of] / 1e6);
  const counter = { type: 'counter' } as const;
  const highest = { merge: 'max' } as const;

  gauge('process_cpu_user_seconds_total', 'CPU time spent in our code.', cpu('user'), counter);
  gauge(
    'process_cpu_system_seconds_total',
    'CPU time spent in the operating system.',
    cpu('system'),
    counter,
  );
  gauge(
    'process_resident_memory_bytes',
    'Memory in use.',
    one(() => process.memoryUsage.rss()),
  );
  gauge(
    'process_start_time_seconds',
    'When it started, since 1970.',
    one(() => startedAt),
    highest,
  );
  gauge('process_open_fds', 'Open files and connections; on Linux.', openFiles);
  gauge(
    'nodejs_heap_size_used_bytes',
    'JavaScript objects, in use.',
    one(() => process.memoryUsage().heapUsed),
  );
  gauge(
    'nodejs_heap_size_total_bytes',
    'JavaScript objects, with room.',
    one(() => process.memoryUsage().heapTotal),
  );
  gauge(
    'nodejs_external_memory_bytes',
    'Memory beside the heap.',
    one(() => process.memoryUsage().external),
  );
  const build = { version, node: process.version };
  gauge('kana_build_info', 'Which version runs; always 1.', () => [[build, 1]], highest);
  tellEventLoop(registry);
  tellGarbageCollection(registry);
}

function* openFiles(): Generator<[Record<string, string>, number]> {
  try {
    yield [{}, readdirSync('/proc/self/fd').length];
  } catch {
    // There is no such directory elsewhere.
  }
}

/** How late timers are, since the last time somebody asked. */
function tellEventLoop({ gauge }: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  function* read(): Generator<[Record<string, string>, number]> {
    yield [{ quantile: '0.5' }, delay.percentile(50) * nanoseconds];
    yield [{ quantile: '0.99' }, delay.percentile(99) * nanoseconds];
    yield [{ quantile: '1' }, delay.max * nanoseconds];
    delay.reset();
  }
  const help = 'How late the event loop came to timers, since the figures were read last.';
  gauge('nodejs_eventloop_lag_seconds', help, read, { merge: 'max' });
}

const collections: Record<number, string> = { 1: 'minor', 4: 'major', 8: 'incremental', 16: 'weakcb' };
const gcBuckets = [0.001, 0.01, 0.1, 1, 2, 5];

function tellGarbageCollection({ histogram }: Registry): void {
  const pauses = histogram('nodejs_gc_duration_seconds', 'Pauses of the garbage collector.', gcBuckets, [
    'kind',
  ]);
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { kind } = (entry as unknown as { detail: { kind: number } }).detail;
      pauses.of(collections[kind] ?? 'other').observe(entry.duration / 1_000);
    }
  }).observe({ entryTypes: ['gc'] });
}
