import { Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { ActivityDocument } from '../generated/operations.ts';
import { Failure } from '../parts/answer.tsx';
import { AsOf } from '../parts/as-of.tsx';
import { Figure, Figures } from '../parts/figure.tsx';
import { formatCount, formatNumber, formatShare } from '../parts/numbers.ts';
import { hoursOf, type Span, spanInWords } from '../usage/spans.ts';
import { useLimitCounts } from './limit-counts.ts';

/** Refresh interval in milliseconds. */
const pace = 60_000;

/** How many users were active, compared with the time before, and how many are near or blocked by a limit. */
export function People({ span }: { span: Span }) {
  const paths = usePaths();
  const { from, to } = hoursOf(span);
  const activity = useAnswer(ActivityDocument, { from, to }, { every: pace, keepPrevious: true });
  const limits = useLimitCounts();
  const active = activity.data?.userActivity;
  return (
    <>
      <Failure error={activity.error} />
      <Figures>
        <Figure
          label="Active users"
          to={paths.users}
          note={active ? `in ${spanInWords(span)}, ${changeOf(active)}` : ' '}
        >
          <Loaded value={active}>{(found) => formatNumber(found.active)}</Loaded>
        </Figure>
        <Figure
          label="Near a limit"
          to={`${paths.users}?limit=near&order=use_desc`}
          note={limits.error === null ? 'have used 80% of a limit or more' : tooMany}
        >
          <Loaded value={limits.data} failed={limits.error !== null}>
            {({ limitCounts: { near, reached } }) => formatNumber(near - reached)}
          </Loaded>
        </Figure>
        <Figure
          label="Blocked by a limit"
          to={`${paths.users}?limit=reached&order=use_desc`}
          note={
            limits.error !== null
              ? tooMany
              : limits.data?.limitCounts.reached === 0
                ? 'nobody now'
                : 'get no more until it resets'
          }
        >
          <Loaded value={limits.data} failed={limits.error !== null}>
            {({ limitCounts }) => formatNumber(limitCounts.reached)}
          </Loaded>
        </Figure>
      </Figures>
      <AsOf at={limits.data?.limitCounts.asOf} />
    </>
  );
}

/** The server gives up after a while; the rest of the page does not wait. */
const tooMany = 'not counted: it took the server too long';

/** As high as what comes, so that nothing jumps. */
function Loaded<Value>(props: {
  value: Value | undefined;
  failed?: boolean;
  children: (value: Value) => ReactNode;
}) {
  const { value, failed = false, children } = props;
  if (value !== undefined) return children(value);
  return failed ? '—' : <Skeleton h={29} w={72} />;
}

/** How the count changed, in words. */
export function changeOf({ active, activeBefore }: { active: number; activeBefore: number }): string {
  const before = `${formatCount(activeBefore, 'user')} in the time before`;
  if (active === activeBefore || activeBefore === 0) return before;
  const share = formatShare(Math.abs(active - activeBefore) / activeBefore);
  return `${share} ${active > activeBefore ? 'more' : 'fewer'} than ${before}`;
}
