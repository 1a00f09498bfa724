import { Moment } from '../parts/moment.tsx';

/** When a subscription ended, or will end. */
export function Until({
  subscription,
}: {
  subscription: { endedAt: string | null; cancelsAt: string | null };
}) {
  const { endedAt, cancelsAt } = subscription;
  if (endedAt !== null) return <Moment at={endedAt} />;
  if (cancelsAt === null) return '—';
  return (
    <>
      ends <Moment at={cancelsAt} />
    </>
  );
}
