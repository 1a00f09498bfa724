import { environmentIds, type KeyShape, parseKey } from '../auth/keys/rules.ts';

/** The four keys of a new installation. */
const firstKeys: KeyShape[] = environmentIds.flatMap((environmentId) => [
  { environmentId, kind: 'PRIVATE' as const },
  { environmentId, kind: 'PUBLIC' as const },
]);

/** The keys that the first start must create because they are not configured. */
export function missingKeys(chosen: readonly string[]): KeyShape[] {
  const shapes = chosen.map(parseKey);
  return firstKeys.filter(
    ({ environmentId, kind }) =>
      !shapes.some((shape) => shape?.environmentId === environmentId && shape.kind === kind),
  );
}

/** The user, feature and plan in the example of the first start. */
export const demoUser = { id: 'demo-user', name: 'Demo User', email: 'demo@example.com' };
export const demoFeature = 'api-calls';
export const demoPlan = 'pro-plan';

export const demoFeatures = [
  { id: 'sso', name: 'Single sign-on', type: 'BINARY' as const },
  {
    id: demoFeature,
    name: 'API calls',
    type: 'CONSUMABLE' as const,
    unitLabel: 'call',
    unitLabelPlural: 'calls',
  },
  {
    id: 'messages',
    name: 'Messages',
    type: 'CONSUMABLE' as const,
    unitLabel: 'message',
    unitLabelPlural: 'messages',
  },
];

interface DemoPackage {
  id: string;
  name: string;
  isAddon?: boolean;
  /** The monthly limit of each feature, in order; null for a BINARY feature. */
  grants: Record<string, { limit: number; overageEnabled?: boolean } | null>;
}

export const demoPackages: DemoPackage[] = [
  { id: 'free-plan', name: 'Free', grants: { [demoFeature]: { limit: 100 }, messages: { limit: 10 } } },
  {
    id: demoPlan,
    name: 'Pro',
    grants: { sso: null, [demoFeature]: { limit: 10_000, overageEnabled: true }, messages: { limit: 1_000 } },
  },
  { id: 'extra-messages', name: 'Extra messages', isAddon: true, grants: { messages: { limit: 5_000 } } },
];

/** The demo subscription starts with the month, so that its windows are calendar months. */
export function startOfMonth(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
}
