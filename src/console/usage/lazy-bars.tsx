import { Skeleton } from '@mantine/core';
import { type ComponentProps, lazy, Suspense } from 'react';
import type { Bars } from './bars.tsx';

const Loaded = lazy(() => import('./bars.tsx').then((module) => ({ default: module.Bars })));

/** Bars; the chart library is loaded when they are first shown. */
export const LazyBars = (props: ComponentProps<typeof Bars>) => (
  <Suspense fallback={<Skeleton h={props.height ?? 220} role="status" aria-label="Loading" />}>
    <Loaded {...props} />
  </Suspense>
);
