import { useMemo, useSyncExternalStore } from 'react';
import { type EntitlementOptions, type EntitlementView, viewOf } from '../core/entitlement.ts';
import type { Kana } from '../core/kana.ts';
import type { Resource, State } from '../core/resource.ts';
import type { Package, UserData } from '../core/types.ts';
import { useShared } from './provider.tsx';

function useResource<Data extends object>({
  subscribe,
  getState,
  initialState,
}: Resource<Data>): State<Data> {
  // A page wakes up with what its server knew, and then learns what is known by now.
  return useSyncExternalStore(subscribe, getState, () => initialState);
}

/** The Kana of the provider: to `refresh` after something has changed. */
export const useKana = (): Kana => useShared().kana;

/** What is known of the user: all entitlements with usage, and subscriptions. */
export const useUser = (): State<UserData> => useResource(useKana().user);

/** What can be had: the published packages with limits and prices. */
export const usePackages = (): State<Package[]> => useResource(useKana().packages);

/** Whether the user may use a feature, and what is left of it. */
export function useEntitlement(featureId: string, options: EntitlementOptions = {}): EntitlementView {
  const state = useUser();
  const { amount, fallback } = options;
  return useMemo(() => viewOf(state, featureId, { amount, fallback }), [state, featureId, amount, fallback]);
}

/** The same for all features that the user is entitled to, the oldest first. */
export function useEntitlements(): EntitlementView[] {
  const state = useUser();
  return useMemo(
    () => (state.data?.entitlements ?? []).map(({ feature }) => viewOf(state, feature.id)),
    [state],
  );
}
