import { Skeleton } from '@mantine/core';
import type { ReactNode } from 'react';
import { useAnswer } from '../api/hooks.ts';
import { usePaths } from '../frame/paths.ts';
import { ActivityDocument, LimitCountsDocument } from '../generated/operations.ts';
import { Failure } from '../parts/answer.tsx';
import { Figure, Figures } from '../parts/figure.tsx';
import { formatCount, formatNumber, formatShare } from '../parts/numbers.ts';
import { hoursOf, type Span, spanInWords } from '../usage/spans.ts';

/** Refresh intervals in milliseconds. Who is near a limit takes the server long where there are many users. */
const pace = 60_000;
const limitPace = 300_000;

/** How many users were active, compared with the time before, and how many are near or blocked by a limit. */
export function People({ span }: { span: Span }) {
  const paths = usePaths();
  const { from, to } = hoursOf(span);
  const activity = useAnswer(ActivityDocument, { from, to }, { every: pace, keepPrevious: true });
  const limits = useAnswer(LimitCountsDocument, {}, { every: limitPace });
  const active = activity.data?.userActivity;
  return (
    <>
      <Failure error={activity.error ?? limits.error} />
      <Figures>
        <Figure
          label="Active users"
          to={paths.users}
          note={active ? `in ${spanInWords(span)}, ${changeOf(active)}` : ' '}
        >
          <Loaded value={active}>{(found) => formatNumber(found.active)}</Loaded>
        </Figure>
        <Figure label="Near a limit" to={`${paths.users}?limit=near`} note="have used 80% of a limit or more">
          <Loaded value={limits.data}>
            {({ near, reached }) => formatNumber(Math.max(0, near.totalCount - reached.totalCount))}
          </Loaded>
        </Figure>
        <Figure
          label="Blocked by a limit"
          to={`${paths.users}?limit=reached`}
          note={limits.data?.reached.totalCount === 0 ? 'nobody now' : 'get no more until it resets'}
        >
          <Loaded value={limits.data}>{({ reached }) => formatNumber(reached.totalCount)}</Loaded>
        </Figure>
      </Figures>
    </>
  );
}

/** As high as what comes, so that nothing jumps. */
function Loaded<Value>({
  value,
  children,
}: {
  value: Value | undefined;
  children: (value: Value) => ReactNode;
}) {
  return value === undefined ? <Skeleton h={29} w={72} /> : children(value);
}

/** How the count changed, in words. */
export function changeOf({ active, activeBefore }: { active: number; activeBefore: number }): string {
  const before = `${formatCount(activeBefore, 'user')} in the time before`;
  if (active === activeBefore || activeBefore === 0) return before;
  const share = formatShare(Math.abs(active - activeBefore) / activeBefore);
  return `${share} ${active > activeBefore ? 'more' : 'fewer'} than ${before}`;
}
