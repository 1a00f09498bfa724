import { useAnswer } from '../api/hooks.ts';
import { CurrentPeriodDocument } from '../generated/operations.ts';
import { Moment } from '../parts/moment.tsx';

/** When the allowance resets. It is the next question after "why is this user blocked?". */
export function Resets({ userId, featureId }: { userId: string; featureId: string }) {
  const current = useAnswer(CurrentPeriodDocument, { userId, featureId }).data?.showUsage.current;
  if (current == null) return null;
  if (current.periodEnd === null)
    return <>The allowance never resets: a package with a higher limit gives access.</>;
  return (
    <>
      The allowance resets on <Moment at={current.periodEnd} />. Before that, a package with a higher limit
      gives access.
    </>
  );
}
