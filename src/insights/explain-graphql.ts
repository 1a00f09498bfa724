import { queryFromInfo } from '@pothos/plugin-prisma';
import { FeatureGrant } from '../allowances/grants/graphql.ts';
import type { Amount } from '../amount.ts';
import { AuditEntry, concerning } from '../audit/graphql.ts';
import { Consumption } from '../entitlements/graphql.ts';
import type { Entitlement } from '../entitlements/rules.ts';
import { Feature, withFeatures } from '../features/graphql.ts';
import { builder } from '../graphql/builder.ts';
import { Id, parse } from '../input.ts';
import { PackageSubscription } from '../subscriptions/graphql.ts';
import { UsageEvent } from '../usage/ledger/events-graphql.ts';
import { readEvents } from '../usage/ledger/events-store.ts';
import { User } from '../users/graphql.ts';
import { explain } from './explain.ts';
import type { Candidate, Outcome } from './explain-rules.ts';
import { maxCandidates } from './explain-store.ts';

/** So many events and changes are told; `usageEvents` and `auditLog` list them all. */
const mostEvidence = 20;

const EntitlementOutcome = builder.enumType('EntitlementOutcome', {
  description: 'Why something that a user holds counts for a feature, or does not.',
  values: {
    COUNTS: { description: 'It is live, and no other has a higher limit.' },
    LOWER_LIMIT: { description: 'Another that is live has a higher limit.' },
    NO_OVERAGE: { description: 'Another that is live has the same limit, and allows overage.' },
    LATER_START: { description: 'Another that is live has the same terms, and started earlier.' },
    NOT_LIVE: { description: 'Its status gives no access, such as PAST_DUE.' },
    NOT_STARTED: { description: 'It starts later.' },
    ENDED: { description: 'It ended before.' },
  } satisfies Record<Outcome, object>,
});

interface CandidateShape extends Candidate {
  used: Amount | null;
  held: typeof PackageSubscription.$inferType | null;
  grant: typeof FeatureGrant.$inferType | null;
}

const EntitlementCandidate = builder.objectRef<CandidateShape>('EntitlementCandidate').implement({
  description: 'A subscription or a feature grant that could count for a feature.',
  fields: (t) => ({
    outcome: t.expose('outcome', { type: EntitlementOutcome, description: 'Whether it counts, or why not.' }),
    reason: t.exposeString('reason', { description: 'The outcome as a sentence.' }),
    subscription: t.expose('held', {
      type: PackageSubscription,
      nullable: true,
      description: 'The subscription; null for a feature grant.',
    }),
    grant: t.expose('grant', {
      type: FeatureGrant,
      nullable: true,
      description: 'The feature grant; null for a subscription.',
    }),
    limit: t.expose('limit', {
      type: 'Amount',
      nullable: true,
      description: 'Its limit for one window. Null is unlimited, and for a BINARY feature.',
    }),
    overageEnabled: t.exposeBoolean('overageEnabled', {
      description: 'Whether usage beyond the limit is allowed.',
    }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'From when usage counts in it.' }),
    endedAt: t.expose('endedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'Its end, which may lie ahead. Null: none.',
    }),
    windowStart: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'The start of its window at that time. Null if it was not live, and for a BINARY feature.',
      resolve: ({ window }) => window?.start ?? null,
    }),
    windowEnd: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When that window ends and usage resets. Null if it never does.',
      resolve: ({ window }) => window?.end ?? null,
    }),
    used: t.expose('used', {
      type: 'Amount',
      nullable: true,
      description:
        'The total of that window: negative if more was reverted than recorded. Null without a window.',
    }),
  }),
});

interface ExplanationShape extends Entitlement {
  at: Date;
  user: typeof User.$inferType;
  feature: typeof Feature.$inferType;
  summary: string;
  candidates: CandidateShape[];
  usage: (typeof UsageEvent.$inferType)[];
  changes: (typeof AuditEntry.$inferType)[];
}

const EntitlementExplanation = builder.objectRef<ExplanationShape>('EntitlementExplanation').implement({
  description: 'Why a user may use a feature at a time, or may not, and what led there.',
  fields: (t) => ({
    at: t.expose('at', { type: 'DateTime', description: 'The time that is explained.' }),
    user: t.expose('user', { type: User, description: 'The user.' }),
    feature: t.expose('feature', { type: Feature, description: 'The feature.' }),
    access: t.exposeBoolean('access', { description: 'Whether the user may use one more.' }),
    reason: t.exposeString('reason', { description: 'The reason, as `canUseFeature` says it.' }),
    summary: t.exposeString('summary', {
      description: 'The answer with its figures, in one or two sentences.',
    }),
    consumption: t.field({
      type: Consumption,
      nullable: true,
      description: 'Usage and budget. Null for a BINARY feature, and if nothing counts.',
      resolve: ({ consumption }) => consumption,
    }),
    candidates: t.expose('candidates', {
      type: [EntitlementCandidate],
      description: `What the user holds or held with the feature, and why it counts or not: the one that counts, the others that are live, then the rest. At most ${maxCandidates} subscriptions and ${maxCandidates} grants.`,
    }),
    usage: t.expose('usage', {
      type: [UsageEvent],
      description: `The usage in the window that counts, until that time, newest first: the last ${mostEvidence}. See \`usageEvents\` for all.`,
    }),
    changes: t.expose('changes', {
      type: [AuditEntry],
      description: `Changes of the user and of what the user holds, until that time, newest first: the last ${mostEvidence}. See \`auditLog\` for all.`,
    }),
  }),
});

builder.queryField('explainEntitlement', (t) =>
  t.field({
    type: EntitlementExplanation,
    description:
      'Explains whether a user may use one more of a feature: every subscription and feature grant that could count, with its window, limit, usage and why it counts or not, and the usage and changes that led there. For a time in the past: what is recorded now of that time; of a subscription that the billing provider decides on, only the present status is known, and of reservations nothing. `UserNotFoundError` or `FeatureNotFoundError` if an id is unknown.',
    args: {
      userId: t.arg.string({ required: true, description: 'The id of the user.' }),
      featureId: t.arg.string({ required: true, description: 'The id of the feature.' }),
      at: t.arg({ type: 'DateTime', description: 'The time to explain, past or future. Default: now.' }),
    },
    resolve: async (_root, args, context, info) => {
      const { db, environmentId } = context;
      const userId = parse(Id, args.userId, 'userId');
      const featureId = parse(Id, args.featureId, 'featureId');
      const explained = await explain(db, environmentId, { userId, featureId, at: args.at ?? null });
      const { userKey, at, candidates, countedFrom } = explained;

      const select = (path: string[]) => queryFromInfo({ context, info, path });
      const ids = (kind: Candidate['kind']) =>
        candidates.filter((each) => each.kind === kind).map(({ subscriptionId }) => subscriptionId);
      const subscriptions = await db.subscription.findMany({
        ...select(['candidates', 'subscription']),
        where: { userKey, id: { in: ids('SUBSCRIPTION') } },
      });
      const grants = await db.featureGrant.findMany({
        ...select(['candidates', 'grant']),
        where: { userKey, id: { in: ids('GRANT') } },
      });
      const user = await db.user.findUniqueOrThrow({ ...select(['user']), where: { key: userKey } });
      const feature = await db.feature.findUniqueOrThrow({
        ...select(['feature']),
        where: { environmentId_id: { environmentId, id: featureId } },
      });
      const events =
        countedFrom === null
          ? []
          : await readEvents(
              db,
              { userKey, featureId },
              { take: mostEvidence, last: null, newestFirst: true, from: countedFrom, until: at },
            );
      const changes = await db.auditEntry.findMany({
        ...select(['changes']),
        where: { environmentId, createdAt: { lte: at }, ...(await concerning(db, environmentId, userId)) },
        orderBy: { id: 'desc' },
        take: mostEvidence,
      });
      return {
        at,
        user,
        feature,
        ...explained.answer,
        summary: explained.summary,
        candidates: candidates.map((each) => ({
          ...each,
          held:
            subscriptions.find(({ id }) => each.kind === 'SUBSCRIPTION' && id === each.subscriptionId) ??
            null,
          grant: grants.find(({ id }) => each.kind === 'GRANT' && id === each.subscriptionId) ?? null,
        })),
        usage: await withFeatures(events, context, info, ['usage']),
        changes,
      };
    },
  }),
);
