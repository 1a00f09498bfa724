import { useAhead } from '../api/hooks.ts';
import {
  ActivityDocument,
  AttentionDocument,
  FlaggedDocument,
  LimitCountsDocument,
  NearLimitsDocument,
  OverviewDocument,
  SubscriberCountsDocument,
  UsageByFeatureDocument,
} from '../generated/operations.ts';
import { hoursOf, usualSpan } from '../usage/spans.ts';

/** What is asked for of the most used features. */
export const mostFeatures = 6;
/** Who is listed as near a limit: from how many percent of it, and how many users of each feature. */
export const nearest = { percent: 80, first: 5 };

/** How long such answers stand, in milliseconds: they cost the server much where there are many users. */
export const freshMs = { limits: 300_000, near: 60_000, many: 60_000 };

/** Asks for all parts of the overview at once: without it, they wait for the first answer before they ask. */
export function useOverviewAhead(): () => void {
  const ahead = useAhead();
  return () => {
    const { bucket, from, to } = usualSpan;
    ahead(OverviewDocument, {});
    ahead(UsageByFeatureDocument, { first: mostFeatures, bucket, from, to });
    ahead(ActivityDocument, hoursOf(usualSpan));
    ahead(SubscriberCountsDocument, {}, freshMs.many);
    ahead(AttentionDocument, {});
    ahead(FlaggedDocument, {}, freshMs.many);
    ahead(LimitCountsDocument, {}, freshMs.limits);
    ahead(NearLimitsDocument, nearest, freshMs.near);
  };
}
