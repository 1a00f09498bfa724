import { Skeleton } from '@mantine/core';
import { type ComponentProps, lazy, Suspense, startTransition, useEffect, useState } from 'react';
import type { Bars } from './bars.tsx';

/** As in bars.tsx, in pixels: of the chart, and of the line below it. */
const usualHeight = 220;
const tableButton = 22;

const Loaded = lazy(() => import('./bars.tsx').then((module) => ({ default: module.Bars })));

/**
 * Bars. The chart library is loaded when they are first shown; and they are drawn after the rest of the page, which stands
 * at once.
 */
export function LazyBars(props: ComponentProps<typeof Bars>) {
  const [isTurn, setTurn] = useState(false);
  useEffect(() => startTransition(() => setTurn(true)), []);
  const waiting = (
    <Skeleton h={(props.height ?? usualHeight) + tableButton} role="status" aria-label="Loading" />
  );
  return isTurn ? (
    <Suspense fallback={waiting}>
      <Loaded {...props} />
    </Suspense>
  ) : (
    waiting
  );
}
