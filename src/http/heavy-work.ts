import { availableParallelism } from 'node:os';
import { overloadedMessage, refusalError } from './response.ts';

/*
 * Work that needs much CPU or memory: catalogue files and exports. It has its own limits, because the gate counts each
 * operation as one.
 */

/** How long nothing else of an environment begins after work that took this long, in milliseconds. */
export type RestAfter = (environmentId: string, tookMs: number) => number;

/** While others have requests, heavy work of one uses at most this part of its time. */
const share = 0.5;
/** So much work goes on without a rest, in milliseconds: who does little of it never rests. */
const burstMs = 1_000;
const maxRestMs = 1_000;

/**
 * Divides time fairly: who has used much of it rests while others have requests, and whoever is alone does not.
 *
 * @param isShared whether another environment has requests; see Gate
 */
export function createPace(
  isShared: (environmentId: string) => boolean,
  now: () => number = () => performance.now(),
): RestAfter {
  const used = new Map<string, { ms: number; at: number }>();
  return (environmentId, tookMs) => {
    const before = used.get(environmentId) ?? { ms: 0, at: 0 };
    const forgotten = (now() - before.at) * share;
    const ms = Math.min(Math.max(0, before.ms + tookMs - forgotten), burstMs + maxRestMs * share);
    used.set(environmentId, { ms, at: now() });
    return isShared(environmentId) ? Math.max(0, (ms - burstMs) / share) : 0;
  };
}

/** The limits of heavy work in a process. */
const defaults = {
  /** Concurrent work of all environments. */
  total: 2,
  /** Concurrent work of one environment. Less than the total. */
  perEnvironment: 1,
  /** The most waiting calls of one environment. */
  maxWaiting: 10,
  /** The longest wait before a call is refused. */
  waitTimeoutMs: 5_000,
  restAfter: (() => 0) as RestAfter,
};

/**
 * The limits of statements that keep PostgreSQL busy, such as usage over time. Each keeps one core busy: those of one
 * environment leave at least half of the cores to everybody else.
 *
 * @param cores the cores of this machine; PostgreSQL usually has as many
 */
export function longStatements(cores = availableParallelism()) {
  const perEnvironment = Math.min(2, Math.max(1, Math.floor(cores / 2)));
  return { total: 2 * perEnvironment, perEnvironment, maxWaiting: 100 };
}

/** Hashing passwords, for which strangers can ask: one at a time, so that it uses one core at most. */
export const passwordWork = { total: 1, perEnvironment: 1, maxWaiting: 20 };

/**
 * Runs heavy work within these limits, in order of arrival.
 *
 * @throws a refusal with status 503 if too many calls wait, or the wait is too long
 */
export type DoHeavyWork = <Result>(environmentId: string, work: () => Promise<Result>) => Promise<Result>;

interface Waiter {
  environmentId: string;
  start(): void;
}

export function createHeavyWork(limits: Partial<typeof defaults> = {}): DoHeavyWork {
  const { total, perEnvironment, maxWaiting, waitTimeoutMs, restAfter } = { ...defaults, ...limits };
  const running = new Map<string, number>();
  const waiting: Waiter[] = [];

  const runningFor = (environmentId: string) => running.get(environmentId) ?? 0;
  const canStart = (environmentId: string) =>
    runningFor(environmentId) < perEnvironment &&
    [...running.values()].reduce((sum, n) => sum + n, 0) < total;
  const count = (environmentId: string, change: number) =>
    running.set(environmentId, runningFor(environmentId) + change);

  function waitForTurn(environmentId: string): Promise<void> {
    if (waiting.filter((waiter) => waiter.environmentId === environmentId).length >= maxWaiting)
      throw refusalError('OVERLOADED', overloadedMessage);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        waiting.splice(waiting.indexOf(waiter), 1);
        reject(refusalError('OVERLOADED', overloadedMessage));
      }, waitTimeoutMs);
      const waiter: Waiter = {
        environmentId,
        start() {
          clearTimeout(timer);
          count(environmentId, 1);
          resolve();
        },
      };
      waiting.push(waiter);
    });
  }
  function finish(environmentId: string): void {
    count(environmentId, -1);
    const next = waiting.findIndex((waiter) => canStart(waiter.environmentId));
    if (next >= 0) waiting.splice(next, 1)[0]?.start();
  }
  return async (environmentId, work) => {
    if (canStart(environmentId)) count(environmentId, 1);
    else await waitForTurn(environmentId);
    const startedAt = performance.now();
    try {
      return await work();
    } finally {
      const restMs = restAfter(environmentId, performance.now() - startedAt);
      if (restMs > 0) setTimeout(finish, restMs, environmentId).unref();
      else finish(environmentId);
    }
  };
}
