import type { Logger } from 'pino';
import type { Config } from '../config/config.ts';
import type { Database } from '../database/client.ts';
import { migrate } from '../database/migrations.ts';
import { grantServerRights } from '../database/roles.ts';
import { findUnvalidated } from '../database/unvalidated.ts';
import { untilCommitsWait } from '../database/watch.ts';
import { type Provisioned, provision } from '../provisioning/provision.ts';
import { addMailboxes, removeMailboxes } from '../webhooks/email/store.ts';

/** Migrates and provisions the database. */
export function prepare(
  url: string,
  { prisma, work }: Database,
  config: Config,
  log: Logger,
): Promise<Provisioned> {
  const ownerUrl = config.databaseOwnerUrl ?? url;
  return untilCommitsWait(ownerUrl, async () => {
    await migrate(ownerUrl);
    if (ownerUrl !== url) await grantServerRights(ownerUrl, url);
    for (const constraint of await findUnvalidated(work))
      log.warn(
        constraint,
        'rows of an earlier version break a constraint; the command verify shows what to do',
      );
    const provisioned = await provision(prisma, config, new Date());
    await (config.email === null ? removeMailboxes(work) : addMailboxes(work));
    for (const { environmentId, kind, lastFour } of provisioned.revokedKeys)
      log.warn({ key: { environmentId, kind, lastFour } }, 'a configured key is revoked, and stays so');
    return provisioned;
  });
}
