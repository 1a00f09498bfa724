import type { ReactNode } from 'react';
import type { EntitlementView } from '../core/entitlement.ts';
import { useEntitlement } from './hooks.ts';

export interface GateProps {
  /** The id of the feature. */
  feature: string;
  /** How much the user wants to use. By default 1. */
  amount?: number;
  /** Shown with access: what is inside, or a function that makes it. */
  children?: ReactNode | ((view: EntitlementView) => ReactNode);
  /** Shown without access. By default nothing. */
  fallback?: ReactNode | ((view: EntitlementView) => ReactNode);
  /** Shown while nothing is known yet. By default nothing. */
  loading?: ReactNode;
}

/** Shows what is inside if the user may use the feature. Your server must check too: this only hides. */
export function Gate({ feature, amount, children, fallback = null, loading = null }: GateProps) {
  const view = useEntitlement(feature, { amount });
  if (view.status === 'loading') return <>{loading}</>;
  const shown = view.access ? children : fallback;
  return <>{typeof shown === 'function' ? shown(view) : shown}</>;
}
