import type { Pool } from 'pg';
import { amountOf, amountOrNull } from '../amount.ts';
import { createLane } from '../database/lane.ts';
import { featureNotFound, userNotFound } from '../errors.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import {
  type Holder,
  highestFirstSql,
  holderSql,
  liveHoldingsSql,
  type ResetTermsRow,
  resetTermsOf,
  windowColumnsSql,
  windowStartSql,
} from './holdings-store.ts';
import type { Grant, Standing } from './rules.ts';

/** A user and a feature, by the ids that customers chose. */
interface Question {
  environmentId: string;
  userId: string;
  featureId: string;
}

/** Reads the standing of a user and a feature now. @throws UserNotFoundError, FeatureNotFoundError */
export type FindStanding = (question: Question) => Promise<Standing>;

/** The winning grant as a row; all its columns are null without a grant. */
export interface GrantRow extends ResetTermsRow {
  kind: Grant['kind'];
  precision: number | null;
  subscription_id: string | null;
  started_at: Date;
  limit: string | null;
  overage_enabled: boolean;
  used: string | null;
  top_up_granted: string | null;
  top_up_remaining: string | null;
  held: string | null;
}

interface StandingRow extends GrantRow {
  user_key: string | null;
  feature_type: Standing['featureType'] | null;
}

/**
 * The winner of rules.ts (highestGrant) as a lateral join: of the live holdings of a user and a feature, the one that
 * counts. Held to the rule by a randomized test.
 */
export const winnerSql = (holder: Holder & { hasTopUps: string; hasHolds: string }, featureId: string) => `
  left join lateral (
    select h.*, h.id as subscription_id from ${liveHoldingsSql(holder, featureId)} h
    order by ${highestFirstSql('h')}
    limit 1
  ) winner on true
  left join lateral (
    select ${windowStartSql('winner', 'now()')} as window_start offset 0
  ) current on true
  left join lateral (
    select used from usage_counter
    where user_key = ${holder.userKey} and subscription_id = winner.subscription_id
      and feature_id = ${featureId} and window_start = current.window_start limit 1
  ) counter on true
  left join lateral (
    select sum(amount) as top_up_granted, sum(remaining) as top_up_remaining from top_up
    where ${holder.hasTopUps} and user_key = ${holder.userKey} and feature_id = ${featureId} and voided_at is null
      and (expires_at is null or expires_at > now())
  ) topped on true
  left join lateral (
    select sum(held) as held from usage_hold
    where ${holder.hasHolds} and user_key = ${holder.userKey} and feature_id = ${featureId} and expires_at > now()
  ) holds on true`;

/* Every look-up is a lateral one, by key: no plan may read a whole table, whatever the planner believes. */
const standingSql = `
  with question as (
    select q.ord, q.feature_id, f.type as feature_type, f.precision, u.user_key, u.has_grants,
      u.has_top_ups, u.has_holds
    from unnest($1::text[], $2::text[], $3::text[]) with ordinality as q(environment_id, user_id, feature_id, ord)
    ${holderSql('q.environment_id', 'q.user_id')}
    left join lateral (
      select type, precision from feature where environment_id = q.environment_id and id = q.feature_id limit 1
    ) f on true
  )
  select q.user_key, q.feature_type, q.precision, winner.kind, winner.subscription_id, winner.started_at, winner."limit",
    ${windowColumnsSql('winner')}, winner.overage_enabled, counter.used, topped.top_up_granted,
    topped.top_up_remaining, holds.held
  from question q ${winnerSql({ userKey: 'q.user_key', hasGrants: 'q.has_grants', hasTopUps: 'q.has_top_ups', hasHolds: 'q.has_holds' }, 'q.feature_id')}
  order by q.ord`;

/** Reads the standings of concurrent calls in one statement; see createLane. */
export function createStandingFinder(hot: Pool, metrics = createMetrics()): FindStanding {
  const lane = { connections: 2, maxItems: 1_000, metrics: metrics.lane('check') };
  return createLane<Question, Standing>(lane, async (questions) => {
    const { rows } = await hot.query<StandingRow>({
      name: 'standing',
      text: standingSql,
      values: [
        questions.map((question) => question.environmentId),
        questions.map((question) => question.userId),
        questions.map((question) => question.featureId),
      ],
    });
    return questions.map(({ userId, featureId }, index) => {
      const row = rows[index];
      if (!row?.user_key) return userNotFound(userId);
      if (!row.feature_type) return featureNotFound(featureId);
      return standingOf(row.feature_type, row);
    });
  });
}

export function standingOf(featureType: Standing['featureType'], row: GrantRow): Standing {
  const grant =
    row.subscription_id === null
      ? null
      : {
          kind: row.kind,
          subscriptionId: BigInt(row.subscription_id),
          startedAt: row.started_at,
          limit: amountOrNull(row.limit),
          ...resetTermsOf(row),
          overageEnabled: row.overage_enabled,
        };
  const { top_up_granted: granted, top_up_remaining: remaining } = row;
  const topUp =
    granted === null || remaining === null
      ? {}
      : { topUp: { granted: amountOf(granted), remaining: amountOf(remaining) } };
  const held = row.held === null ? {} : { held: amountOf(row.held) };
  return {
    featureType,
    precision: row.precision ?? 0,
    grant,
    used: amountOf(row.used ?? 0),
    ...topUp,
    ...held,
  };
}
