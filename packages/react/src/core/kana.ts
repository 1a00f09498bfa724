import { type EntitlementOptions, type EntitlementView, nextReset, viewOf } from './entitlement.ts';
import { packagesOperation, userOperation } from './operations.ts';
import { Resource } from './resource.ts';
import { type Credentials, createSend, type KanaError } from './transport.ts';
import type { Entitlement, Package, Subscription, UserData } from './types.ts';

export interface KanaOptions extends Credentials {
  /** How often the user's data are read again, in milliseconds. By default 60,000; 0: only by `refresh`. */
  refreshMs?: number;
  /** What a server read with `fetchUserData`. */
  initialUser?: UserData;
  /** What a server read with `fetchPackages`. */
  initialPackages?: Package[];
  /** Called with every failed attempt. */
  onError?: (error: KanaError) => void;
}

/** Reads what a page may show of one user, and of what can be had. */
export interface Kana {
  /** Entitlements with usage, and subscriptions. */
  user: Resource<UserData>;
  /** What can be had. It is read when somebody listens, and hourly. */
  packages: Resource<Package[]>;
  /** What is known of a feature now. */
  entitlement(featureId: string, options?: EntitlementOptions): EntitlementView;
  /** Reads the user's data now: call it after your server has recorded usage or changed a plan. Never rejects. */
  refresh(): Promise<void>;
}

const packagesRefreshMs = 3_600_000;

/** Starts nothing: reading begins when somebody listens to `user` or `packages`, or calls `refresh`. */
export function createKana(options: KanaOptions): Kana {
  const { refreshMs = 60_000, initialUser, initialPackages, onError } = options;
  const user = new Resource((signal) => fetchUserData(options, signal), {
    refreshMs,
    initial: initialUser,
    expiresAt: nextReset,
    onError,
  });
  const packages = new Resource((signal) => fetchPackages(options, signal), {
    refreshMs: refreshMs === 0 ? 0 : packagesRefreshMs,
    initial: initialPackages,
    onError,
  });
  return {
    user,
    packages,
    entitlement: (featureId, asked) => viewOf(user.getState(), featureId, asked),
    refresh: async () => {
      await user.refresh();
    },
  };
}

/** Reads a user's data once, such as on a server that renders a page. @throws KanaError */
export async function fetchUserData(credentials: Credentials, signal?: AbortSignal): Promise<UserData> {
  const send = createSend(credentials);
  const { currentUser, entitlements } = await send<{
    currentUser: UserData['user'] & { subscriptions: Subscription[] };
    entitlements: Entitlement[];
  }>(userOperation, {}, signal);
  const { subscriptions, ...facts } = currentUser;
  return { user: facts, entitlements, subscriptions };
}

/** Reads what can be had, at most 1,000 packages. @throws KanaError */
export async function fetchPackages(credentials: Credentials, signal?: AbortSignal): Promise<Package[]> {
  const send = createSend(credentials);
  return (await send<{ packages: Package[] }>(packagesOperation, { first: 1_000 }, signal)).packages;
}
