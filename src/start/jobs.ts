import type { Logger } from 'pino';
import { expiryJob, expiryJobs } from '../allowances/expiry/expire.ts';
import type { Billing } from '../billing/billing.ts';
import { billingJobs, reconcileJob } from '../billing/jobs.ts';
import type { Database } from '../database/client.ts';
import { standingsJob, standingsJobs } from '../insights/standings/refresh.ts';
import { type Queue, startQueue } from '../jobs/queue.ts';
import { sealJob, sealJobs } from '../seals/seal.ts';
import { releaseOnArrival } from '../segment/arrival.ts';
import { segmentJobs, sweepJob } from '../segment/jobs.ts';
import { migrationJobs, migrationsJob } from '../subscriptions/migration/jobs.ts';
import { settleJob, settleJobs } from '../subscriptions/settle.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { alertJobs, alertsJob } from '../usage/alerts/follow.ts';
import { partitionJob, partitionJobs } from '../usage/ledger/partitions.ts';
import { forgetJob, forgetJobs } from '../usage/reservations/forget.ts';
import { retentionJob, retentionJobs } from '../usage/retention/retain.ts';
import { rollUpJob, rollUpJobs } from '../usage/rollup/rollup.ts';
import { createAdmission } from '../users/arrival.ts';
import { cleanUpJob, webhookJobs } from '../webhooks/deliver.ts';

/** What each start runs at once; most of it repeats. */
const atStart = [
  partitionJob,
  sweepJob,
  settleJob,
  migrationsJob,
  alertsJob,
  expiryJob,
  forgetJob,
  rollUpJob,
  standingsJob,
  sealJob,
  retentionJob,
  cleanUpJob,
  reconcileJob,
];

interface Settings {
  log: Logger;
  metrics: Metrics;
  /** For how many months single usages are kept; null is for ever. */
  retentionMonths: number | null;
}

/** All background jobs, by name. */
function jobsOf(database: Database, billing: Billing, { log, retentionMonths }: Omit<Settings, 'metrics'>) {
  const syncContextOf = (environmentId: string) => {
    const connections = database.of(environmentId);
    return {
      prisma: connections.prisma,
      admitUsers: createAdmission(connections.prisma, [releaseOnArrival(connections, log)]),
    };
  };
  return {
    ...segmentJobs(database.prisma),
    ...settleJobs(database.prisma),
    ...migrationJobs(database.prisma),
    ...alertJobs,
    ...expiryJobs,
    ...forgetJobs,
    ...partitionJobs,
    ...rollUpJobs,
    ...standingsJobs,
    ...sealJobs,
    ...retentionJobs(retentionMonths),
    ...webhookJobs,
    ...billingJobs(database.prisma, billing, syncContextOf),
  };
}

/** Starts the background jobs of this process. */
export function startJobs(
  databaseUrl: string,
  database: Database,
  billing: Billing,
  settings: Settings,
): Promise<Queue> {
  const { log, metrics } = settings;
  return startQueue(databaseUrl, jobsOf(database, billing, settings), { atStart, log, metrics });
}
