import { environmentIds, type KeyShape, parseKey } from '../auth/keys/rules.ts';

/** The four keys that every installation starts with. */
const firstKeys: KeyShape[] = environmentIds.flatMap((environmentId) => [
  { environmentId, kind: 'PRIVATE' as const },
  { environmentId, kind: 'PUBLIC' as const },
]);

/** Those of the four keys that nobody has chosen, and that the first start makes. */
export function unchosenKeys(chosen: readonly string[]): KeyShape[] {
  const shapes = chosen.map(parseKey);
  return firstKeys.filter(
    ({ environmentId, kind }) =>
      !shapes.some((shape) => shape?.environmentId === environmentId && shape.kind === kind),
  );
}

/** The user and the feature that the example of the first start speaks of. */
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
  /** What it grants of each feature, in order: so much a month, or null for a feature that is not counted. */
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

/** The demo's subscription began with the month, so that its windows are the calendar's. */
export function startOfMonth(now: Date): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth()));
}
