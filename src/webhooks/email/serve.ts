import type { Pool } from 'pg';
import type { Logger } from 'pino';
import { endLease, type LeasedWebhook, leaseMs } from '../delivery-store.ts';
import { type OwnTurn, saveSent, untilSaved } from '../save.ts';
import { mailOf } from './mail-rules.ts';
import type { SendMail } from './send.ts';
import { findDueMail, pauseMailbox, saveMailed } from './store.ts';

/** The most events that one mail tells. */
const maxEvents = 10_000;

const minuteMs = 60_000;
/** After a mail, the mailbox rests: so nobody gets more than one mail of an environment in this time. */
const restMs = 5 * minuteMs;
/** After a failure: 10 seconds, 20, 40, and so on. If the mail may have arrived, the mailbox rests as after a mail. */
const firstRetryMs = 10_000;
const longestRetryMs = 15 * minuteMs;

/** @param failures in a row, with this one */
const retryPauseMs = (failures: number): number =>
  Math.min(firstRetryMs * 2 ** Math.min(failures - 1, 16), longestRetryMs);

interface Service {
  pool: Pool;
  log: Logger;
  stop: AbortSignal;
  inTurn: OwnTurn;
}

/**
 * Sends what a mailbox waits for as one mail. What could not be sent stays due, together with what comes later. A mailbox
 * is never disabled: the operator would not be told.
 */
export async function serveMailbox(
  mailbox: LeasedWebhook,
  sendMail: SendMail,
  { pool, log, stop, inTurn }: Service,
): Promise<void> {
  const { environmentId, id } = mailbox;
  const saving = { until: performance.now() + leaseMs, stop, inTurn };
  try {
    const { ids, groups } = await inTurn(() => findDueMail(pool, id, maxEvents));
    // The rest begins before the mail: if its end cannot be saved, it is sent again, but not at once.
    if (ids.length === 0 || !(await inTurn(() => pauseMailbox(pool, mailbox, restMs)))) return;
    const at = new Date();
    const failure = await sendMail(mailOf(environmentId, groups, ids.length === maxEvents), stop);
    const problem = failure?.problem ?? null;
    if (problem !== null && stop.aborted) return;
    if (problem !== null) log.warn({ environmentId, problem }, 'alerts could not be mailed; they are kept');
    const durationMs = Date.now() - at.getTime();
    const pauseMs = Math.max(
      failure === null || failure.mayHaveArrived ? restMs : 0,
      failure === null ? 0 : retryPauseMs(mailbox.failures + 1),
    );
    await saveSent(pool, saving, (client) =>
      saveMailed(client, mailbox, { ids, at, durationMs, problem, pauseMs }),
    );
  } finally {
    await untilSaved(saving, () => endLease(pool, mailbox));
  }
}
