import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from 'pg';
import type { Logger } from 'pino';
import type { Encryption } from '../auth/secrets/encryption.ts';
import { createTurns } from '../database/turns.ts';
import type { Job } from '../jobs/queue.ts';
import {
  type Attempt,
  cleanUpOnce,
  type DueDelivery,
  endLease,
  findDue,
  findPersons,
  type LeasedWebhook,
  leaseDue,
  leaseMs,
  type Position,
  saveAttempts,
} from './delivery-store.ts';
import type { SendMail } from './email/send.ts';
import { serveMailbox } from './email/serve.ts';
import { writeEventsOn } from './outbox/store.ts';
import { createPace, type Pace } from './pace.ts';
import { messageOf, signedHeaders } from './rules.ts';
import { type OwnTurn, saveSent, untilSaved } from './save.ts';
import {
  type Answer,
  afterAnswers,
  afterAttempt,
  batchSizes,
  failingAfter,
  type Health,
  type HealthAfter,
  isBack,
  isDelivered,
  isFailing,
  nextBatchSize,
} from './schedule-rules.ts';
import { mailboxUrl, secretLocation } from './store.ts';

/** Posts a message. Never fails: what goes wrong is the answer. */
export type Post = (
  url: string,
  message: { headers: Record<string, string>; body: string },
  stop: AbortSignal,
) => Promise<Answer>;

export interface Dispatcher {
  /** Starts no more attempts. Those that are under way are broken off, and made again after the next start. */
  stop(): Promise<void>;
}

export interface DispatcherParts {
  pool: Pool;
  encryption: Encryption;
  post: Post;
  /** Sends what the operator's mailboxes wait for; null if no mail is configured. */
  sendMail: SendMail | null;
  log: Logger;
  /** Whether a request is at the database now: then deliveries wait. */
  isBusy: () => boolean;
  /** How often to look for something to send. */
  intervalMs?: number;
}

/** How many webhooks one process serves at once: more than both environments may have. */
const maxServed = 200;
/**
 * How many connections the webhooks of an environment use at once, of the few that all share: so none has to wait for those
 * of the other environment, and however many wait, they wait here, where no time is set for it.
 */
const connectionsOfEnvironment = 2;
/** A batch of one webhook: how many deliveries are sent at once, and when no more are begun. */
const batch = { concurrency: 8, beginsMs: 5_000 };
/**
 * After this, what the webhook is set to is read again. A change of it by somebody ends the lease at once, so this is long:
 * what waits is sent without a gap.
 */
const servedMs = 60_000;
/** While a webhook is served, each batch goes on where the one before ended. After this, it begins at the front again. */
const aheadMs = 5_000;
/** Every so many looks for something to send, all that waits is read; see Look. */
const looksPerWhole = 10;

/**
 * Sends what is due. Each webhook is served by one process at a time, and on its own: one that is slow or dead delays no
 * other. These are not jobs of the queue: a job waits for its end, and the queue runs only a few at once.
 */
export function startDispatcher({ intervalMs = 500, ...parts }: DispatcherParts): Dispatcher {
  const { pool, log } = parts;
  const controller = new AbortController();
  const { signal } = controller;
  // Every request listens.
  setMaxListeners(0, signal);
  const pace = createPace(parts.isBusy);
  const inTurn = createTurns(connectionsOfEnvironment);
  const serving = new Set<Promise<void>>();
  const serve = (webhook: LeasedWebhook) => {
    const ownTurn: OwnTurn = (work) => inTurn(webhook.environmentId, work);
    const served: Promise<void> = serveOne(webhook, { ...parts, pace, stop: signal, inTurn: ownTurn })
      .catch((err) => log.warn({ err }, 'webhook deliveries are left to the next attempt'))
      .finally(() => serving.delete(served));
    serving.add(served);
  };
  const withMailboxes = parts.sendMail !== null;
  async function watch() {
    for (let looks = 0; !signal.aborted; looks += 1) {
      const look = looks % looksPerWhole === 0 ? 'ALL' : 'RECENT';
      try {
        const free = maxServed - serving.size;
        if (free > 0)
          for (const webhook of await leaseDue(pool, free, { look, withMailboxes })) serve(webhook);
      } catch (err) {
        log.debug({ err }, 'webhook deliveries could not be read');
      }
      await sleep(intervalMs, undefined, { signal }).catch(() => undefined);
    }
  }
  const watching = watch();
  return {
    async stop() {
      controller.abort();
      await watching;
      await Promise.all(serving);
    },
  };
}

interface Service extends Omit<DispatcherParts, 'intervalMs'> {
  pace: Pace;
  stop: AbortSignal;
  inTurn: OwnTurn;
}

function serveOne(webhook: LeasedWebhook, service: Service): Promise<void> {
  if (webhook.url !== mailboxUrl || service.sendMail === null) return serveWebhook(webhook, service);
  return serveMailbox(webhook, service.sendMail, service);
}

const front: Position = { nextAttemptAt: null, id: '0' };

/** Sends until nothing is due, or the webhook fails, or for a while. */
async function serveWebhook(webhook: LeasedWebhook, service: Service): Promise<void> {
  const { pool, stop, inTurn } = service;
  let health: Health = webhook;
  const until = performance.now() + servedMs;
  let position: Position = { nextAttemptAt: webhook.dueSince, id: '0' };
  let aheadUntil = performance.now() + aheadMs;
  let leasedUntil = performance.now() + leaseMs;
  let size = batchSizes.first;
  const secrets = decryptSecrets(webhook, service);
  try {
    for (let isOurs = true; isOurs && !stop.aborted && performance.now() < until; ) {
      const count = isFailing(health) ? 1 : size;
      const due = await inTurn(() => findDue(pool, webhook.id, position, count));
      const last = due.at(-1);
      if (last === undefined) break;
      const attempts = await attemptAll(webhook, due, secrets, service);
      if (attempts.length === 0) break;
      size = nextBatchSize(attempts.length);
      if (attempts.length === due.length && performance.now() < aheadUntil) position = last;
      else {
        position = front;
        aheadUntil = performance.now() + aheadMs;
      }
      const answers = attempts.map(({ answer, isTest }) => ({ ...answer, isTest }));
      const now = attempts.at(-1)?.at ?? new Date();
      const after = { ...afterAnswers(health, answers, now), isBack: isBack(health, answers, now) };
      const begun = performance.now();
      const saved = await save(webhook, attempts, after, { ...service, until: leasedUntil });
      leasedUntil = begun + leaseMs;
      isOurs = saved && after.pausedUntil === null;
      health = after;
    }
  } finally {
    await untilSaved({ until: leasedUntil, stop, inTurn }, () => endLease(pool, webhook));
  }
}

type Answered = Attempt & { answer: Answer; isTest: boolean };

async function save(
  webhook: LeasedWebhook,
  attempts: readonly Answered[],
  after: HealthAfter & { isBack: boolean },
  { pool, log, ...service }: Service & { until: number },
): Promise<boolean> {
  const { environmentId, id } = webhook;
  const { disabledReason } = after;
  return saveSent(pool, service, async (client) => {
    const isOurs = await saveAttempts(client, webhook, attempts, after);
    if (disabledReason === null || isOurs !== true) return isOurs;
    log.warn({ environmentId, webhook: id, disabledReason }, 'a webhook is disabled');
    const data = { flag: 'WEBHOOK_DISABLED', webhookId: id };
    await writeEventsOn(client, environmentId, [{ type: 'flag.raised', data }]);
    return false;
  });
}

function decryptSecrets(
  { environmentId, id, secret, previousSecret, olderSecret }: LeasedWebhook,
  { encryption }: Service,
): string[] {
  const location = secretLocation(environmentId, id);
  return [secret, previousSecret, olderSecret].flatMap((each) =>
    each === null ? [] : encryption.decrypt(each, location),
  );
}

/** Attempts these deliveries, some at once, until several failed in a row or one asks to wait. @returns what was attempted, as it ended */
async function attemptAll(
  webhook: LeasedWebhook,
  due: readonly DueDelivery[],
  secrets: readonly string[],
  service: Service,
): Promise<Answered[]> {
  const { environmentId, includePersonalData } = webhook;
  const ids = due.flatMap(({ data }) => (typeof data.userId === 'string' ? data.userId : []));
  const persons = includePersonalData
    ? await service.inTurn(() => findPersons(service.pool, environmentId, ids))
    : null;
  const personOf = ({ data }: DueDelivery) =>
    persons === null || typeof data.userId !== 'string' ? undefined : (persons.get(data.userId) ?? null);
  const beganAt = performance.now();
  const answered: Answered[] = [];
  const waiting = [...due];
  let badInARow = 0;
  let mustWait = false;
  const mayBegin = () =>
    !mustWait &&
    badInARow < failingAfter &&
    performance.now() - beganAt < batch.beginsMs &&
    !service.stop.aborted;
  async function work() {
    while (waiting.length > 0) {
      await service.pace.turn();
      const delivery = mayBegin() ? waiting.shift() : undefined;
      if (delivery === undefined) return;
      const message = messageOf({ ...delivery, environmentId }, personOf(delivery));
      const result = await attempt(webhook.url, delivery, message, { secrets, beganAt, service });
      if (result === null) return;
      badInARow = isDelivered(result.answer) ? 0 : badInARow + 1;
      mustWait ||= 'status' in result.answer && result.answer.retryAfterMs !== undefined;
      answered.push(result);
    }
  }
  await Promise.all(Array.from({ length: batch.concurrency }, work));
  return answered;
}

/** @returns null if it was broken off by a stop: then it is made again */
async function attempt(
  url: string,
  { id, now, retryUntil, ...delivery }: DueDelivery,
  message: ReturnType<typeof messageOf>,
  { secrets, beganAt, service }: { secrets: readonly string[]; beganAt: number; service: Service },
): Promise<Answered | null> {
  const at = new Date(now.getTime() + performance.now() - beganAt);
  const headers = { 'content-type': 'application/json', ...signedHeaders(message, secrets, at) };
  const sentAt = performance.now();
  const answer = await service.post(url, { headers, body: message.body }, service.stop);
  if (service.stop.aborted && !isDelivered(answer)) return null;
  const durationMs = Math.round(performance.now() - sentAt);
  const endedAt = new Date(at.getTime() + durationMs);
  const attempts = delivery.attempts + 1;
  const next = afterAttempt(answer, { attempts, retryUntil }, endedAt, Math.random());
  const { status, body, problem } = { status: null, body: null, problem: null, ...answer };
  const isTest = delivery.type === 'webhook.test';
  return { id, attempts, retryUntil, at, durationMs, answer, isTest, ...next, status, body, problem };
}

/** Runs at start and every minute: gives up what is too old, and deletes what was delivered long ago. */
export const cleanUpJob = 'webhook-clean-up';
const cleanUp = { batchSize: 1_000, batches: 50 };

export const webhookJobs: Record<string, Job> = {
  [cleanUpJob]: async (_payload, { pool, stop }) => {
    for (let done = 0; done < cleanUp.batches && !stop.aborted; done += 1)
      if ((await cleanUpOnce(pool, cleanUp.batchSize)) < cleanUp.batchSize) return;
  },
};
