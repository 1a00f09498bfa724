import type { Db } from '../../database/client.ts';
import type { NewEvent, UniqueValue } from './rules.ts';
import { isWanted } from './store.ts';

const type = 'flag.raised';

/* In order, and at most 64 locks, however many users a transaction changes. */
const lockSql = `
  select pg_advisory_xact_lock(hashtext('flags ' || $1), bucket)::text from (
    select distinct hashtext(kana_email_key(value)) & 63 as bucket from unnest($2::text[]) as value
    order by 1 offset 0
  ) locked`;

/* An empty text does not count; see users/store.ts. */
const sharingSql = `
  select flag, array_agg(u.id order by u.created_at, u.key) as "userIds"
  from (
    select distinct case field when 'email' then 'SAME_EMAIL' else 'SAME_BILLING_ID' end as flag,
      case field when 'email' then kana_email_key(value) else value end as value
    from unnest($2::text[], $3::text[]) as i(field, value)
  ) i
  cross join lateral (
    (select key, id, created_at from "user"
      where i.flag = 'SAME_EMAIL' and environment_id = $1 and email is not null and merged_into is null
        and kana_email_key(email) = i.value limit 10)
    union all
    (select key, id, created_at from "user"
      where i.flag = 'SAME_BILLING_ID' and environment_id = $1 and billing_id is not null and merged_into is null
        and billing_id = i.value limit 10)
  ) u
  where i.value <> '' group by flag, i.value having count(*) > 1 order by flag, i.value`;

/**
 * The flags that new values of users raise: others have them too. Of two users who get the same value at the same moment,
 * the second one raises it.
 */
export async function findSharedValues(
  tx: Db,
  environmentId: string,
  values: readonly UniqueValue[],
): Promise<NewEvent[]> {
  if (values.length === 0 || !(await isWanted(tx, environmentId, [type]))) return [];
  const texts = values.map(({ value }) => value);
  await tx.$queryRawUnsafe(lockSql, environmentId, texts);
  const fields = values.map(({ field }) => field);
  const found = await tx.$queryRawUnsafe<{ flag: string; userIds: string[] }[]>(
    sharingSql,
    environmentId,
    fields,
    texts,
  );
  return found.map((data) => ({ type, data: { ...data } }));
}
