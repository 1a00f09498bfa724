import { audited } from '../audit/record.ts';
import type { Author } from '../audit/rules.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import { invalidInput } from '../errors.ts';
import { type EnvironmentChange, unknownTimeZone } from './rules.ts';
import { findUnknownTimeZones } from './store.ts';

/** Changes the settings of the author's environment. @throws ValidationError */
export async function updateEnvironment(
  db: PrismaClient,
  author: Author,
  { timeZone, requireUserToken }: EnvironmentChange,
): Promise<void> {
  const { environmentId: id } = author;
  const unknown = await findUnknownTimeZones(db, timeZone == null ? [] : [timeZone]);
  if (unknown.size > 0) throw invalidInput('input.timeZone', unknownTimeZone);
  await db.$transaction(async (tx) => {
    await tx.$executeRaw`SELECT FROM environment WHERE id = ${id} FOR NO KEY UPDATE`;
    await audited(tx, author, { action: 'updateEnvironment', type: 'ENVIRONMENT', handles: [id] }, () =>
      tx.environment.update({
        where: { id },
        data: { timeZone, requireUserToken: requireUserToken ?? undefined },
      }),
    );
  });
}
