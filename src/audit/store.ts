import type { ClientBase } from 'pg';
import type { Db } from '../database/client.ts';
import { Prisma } from '../database/generated/client.ts';
import type { AuditSubject, Author, Difference, Fields, State } from './rules.ts';

/** Objects that are rows and so have a state. */
export type StatefulSubject = Exclude<
  AuditSubject,
  'IMPORT' | 'TOKEN_SECRET' | 'USAGE' | 'BILLING' | 'MIGRATION' | 'SESSION'
>;

/** What a version of the package `p` contains. */
const contentsSql = (version: string) => `jsonb_build_object(
  'features', coalesce((select jsonb_agg(jsonb_build_object('id', feature_id, 'name', f.name, 'limit', "limit",
      'resetPeriod', reset_period, 'resetEvery', reset_every, 'timeZone', time_zone,
      'overageEnabled', overage_enabled, 'alertAt', alert_at, 'alertAtAmount', alert_at_amount,
      'alertOnReset', alert_on_reset) order by position)
    from package_feature f
    where f.environment_id = p.environment_id and f.package_id = p.id and f.version = ${version}), '[]'),
  'basePackages', coalesce((select jsonb_agg(base_id order by base_id)
    from package_base b
    where b.environment_id = p.environment_id and b.addon_id = p.id and b.version = ${version}), '[]'),
  'prices', coalesce((select jsonb_agg(jsonb_build_object('id', id, 'provider', provider, 'amount', amount,
      'currency', currency, 'interval', "interval") order by id)
    from package_price r
    where r.environment_id = p.environment_id and r.package_id = p.id and r.version = ${version}), '[]'))`;

/** An instant as the API tells it. */
const instantSql = (column: string) =>
  `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** States contain no key hashes, no counters, and nothing that changes by itself. */
const states: Record<StatefulSubject, string> = {
  FEATURE: `
    select id as handle, id as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('name', name, 'type', type, 'unitLabel', unit_label, 'unitLabelPlural', unit_label_plural,
        'precision', precision, 'metadata', metadata) as fields
    from feature where environment_id = $1 and id = any ($2::text[])`,
  PACKAGE: `
    select id as handle, id as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('name', name, 'isAddon', is_addon, 'status', status, 'version', version, 'metadata', metadata,
          'draft', case when draft_version is not null then
            jsonb_build_object('version', draft_version) || ${contentsSql('p.draft_version')} end)
        || ${contentsSql('p.version')} as fields
    from package p where environment_id = $1 and id = any ($2::text[])`,
  USER: `
    select u.key::text as handle, u.id as subject_id, u.key as user_key,
      jsonb_build_object('id', u.id, 'imported', u.imported, 'mergedInto', survivor.id) as fields,
      jsonb_build_object('name', u.name, 'email', u.email, 'billingId', u.billing_id, 'metadata', u.metadata) as personal
    from "user" u left join "user" survivor on survivor.key = u.merged_into
    where u.environment_id = $1 and u.key = any ($2::bigint[])`,
  SUBSCRIPTION: `
    select s.id::text as handle, s.id::text as subject_id, s.user_key, '{}'::jsonb as personal,
      jsonb_build_object('userId', u.id, 'packageId', s.package_id, 'version', s.package_version,
        'status', s.status, 'trialEnd', ${instantSql('s.trial_end')},
        'startsAt', case when s.status = 'SCHEDULED' then ${instantSql('s.started_at')} end,
        'cancelsAt', case when s.status in ('CANCELLED', 'INCOMPLETE_EXPIRED') then null
          when s.provider is null then ${instantSql('s.ended_at')}
          else ${instantSql('s.provider_cancels_at')} end) as fields
    from subscription s join "user" u on u.key = s.user_key
    where s.environment_id = $1 and s.id = any ($2::bigint[])`,
  MAPPING_RULE: `
    select id as handle, id as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('name', name, 'featureId', feature_id, 'eventName', event_name, 'conditions', conditions,
        'deltaPath', delta_path)
        as fields
    from mapping_rule where environment_id = $1 and id = any ($2::text[])`,
  FEATURE_GRANT: `
    select g.id::text as handle, g.id::text as subject_id, g.user_key, '{}'::jsonb as personal,
      jsonb_build_object('userId', u.id, 'featureId', g.feature_id, 'limit', g."limit", 'resetPeriod', g.reset_period,
        'resetEvery', g.reset_every, 'overageEnabled', g.overage_enabled, 'startsAt', ${instantSql('g.starts_at')},
        'endsAt', ${instantSql('g.ends_at')}, 'reason', g.reason, 'revokedAt', ${instantSql('g.revoked_at')},
        'revokeReason', g.revoke_reason) as fields
    from feature_grant g join "user" u on u.key = g.user_key
    where g.environment_id = $1 and g.id = any ($2::bigint[])`,
  TOP_UP: `
    select t.id::text as handle, t.id::text as subject_id, t.user_key, '{}'::jsonb as personal,
      jsonb_build_object('userId', u.id, 'featureId', t.feature_id, 'amount', t.amount, 'priority', t.priority,
        'alertAt', t.alert_at, 'alertAtAmount', t.alert_at_amount,
        'expiresAt', ${instantSql('t.expires_at')}, 'reason', t.reason, 'voidedAt', ${instantSql('t.voided_at')},
        'voidReason', t.void_reason) as fields
    from top_up t join "user" u on u.key = t.user_key
    where t.environment_id = $1 and t.id = any ($2::bigint[])`,
  ENVIRONMENT: `
    select id as handle, id as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('timeZone', time_zone, 'requireUserToken', require_user_token) as fields
    from environment where id = $1 and id = any ($2::text[])`,
  API_KEY: `
    select id::text as handle, id::text as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('kind', kind, 'lastFour', last_four, 'name', name, 'scopes', to_jsonb(scopes),
        'expiresAt', ${instantSql('expires_at')}, 'revoked', revoked_at is not null) as fields
    from api_key where environment_id = $1 and id = any ($2::uuid[])`,
  MEMBER: `
    select member_id::text as handle, member_id::text as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('role', role) as fields
    from member_role where environment_id = $1 and member_id = any ($2::uuid[])`,
  INVITATION: `
    select id::text as handle, id::text as subject_id, null::bigint as user_key,
      jsonb_build_object('email', email) as personal,
      jsonb_build_object('role', role, 'expiresAt', ${instantSql('expires_at')}, 'closed', closed_at is not null) as fields
    from invitation where environment_id = $1 and id = any ($2::uuid[])`,
  // A query of an address often holds a secret.
  WEBHOOK: `
    select id as handle, id as subject_id, null::bigint as user_key, '{}'::jsonb as personal,
      jsonb_build_object('url', split_part(url, '?', 1), 'events', to_jsonb(events),
        'includePersonalData', include_personal_data, 'disabled', disabled_at is not null,
        'previousSecretUntil', previous_secret_until) as fields
    from webhook where environment_id = $1 and id = any ($2::text[])`,
};

interface StateRow {
  handle: string;
  subject_id: string;
  user_key: bigint | null;
  fields: Fields;
  personal: Fields;
}

/**
 * The current states of these objects, by handle. Missing objects are left out.
 *
 * @param handles stable ids: the id, or the key of a user
 */
export async function readStates(
  tx: Db,
  environmentId: string,
  type: StatefulSubject,
  handles: readonly string[],
): Promise<Map<string, State>> {
  if (handles.length === 0) return new Map();
  const rows = await tx.$queryRawUnsafe<StateRow[]>(states[type], environmentId, handles);
  return new Map(
    rows.map(({ handle, subject_id, user_key, fields, personal }) => [
      handle,
      { subjectId: subject_id, userKey: user_key, fields, personal },
    ]),
  );
}

/** Writes one row for each difference, in order. */
export async function appendEntries(
  tx: Db,
  author: Author,
  { action, type }: { action: string; type: AuditSubject },
  differences: readonly Difference[],
): Promise<void> {
  if (differences.length === 0) return;
  const { kind, ...who } = author;
  const common = { ...who, authorKind: kind, action, subjectType: type };
  // A transaction has an id of its own before it draws one of the log, so that the seals' job can wait for it.
  await tx.$executeRaw`SELECT pg_current_xact_id()::text`;
  await tx.auditEntry.createMany({
    data: differences.map(({ before, after, ...rest }) => ({
      ...common,
      ...rest,
      before: before ?? Prisma.DbNull,
      after: after ?? Prisma.DbNull,
    })),
  });
}

/** Writes that a person recorded usage by hand, on the connection whose transaction records it. */
export async function appendUsageEntry(
  client: Pick<ClientBase, 'query'>,
  { environmentId, kind, keyId, lastFour, memberId, requestId, clientRequestId }: Author,
  { subjectId, userKey, after }: Pick<Difference, 'subjectId' | 'userKey' | 'after'>,
): Promise<void> {
  await client.query(
    `insert into audit_entry (environment_id, action, subject_type, subject_id, user_key, author_kind, key_id, last_four,
       request_id, client_request_id, after, member_id, withheld)
     values ($1, 'recordUsage', 'USAGE', $2, $3, $4, $5, $6, $7, $8, $9, $10, '{}')`,
    [environmentId, subjectId, userKey, kind, keyId, lastFour, requestId, clientRequestId, after, memberId],
  );
}

/**
 * Removes personal data of these users from the log: values, and ids that may be email addresses. The
 * action, time and author stay.
 */
export async function forgetUsers(tx: Db, environmentId: string, userKeys: readonly bigint[]): Promise<void> {
  await tx.$executeRaw`SELECT forget_audit(${environmentId}, ${[...userKeys]}::bigint[], 'deleteUser')`;
}
