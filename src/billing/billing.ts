import { type Author, ownAuthor } from '../audit/rules.ts';
import type { Encryption } from '../auth/secrets/encryption.ts';
import type { StripeKeys } from '../config/config.ts';
import type { Database } from '../database/client.ts';
import type { PackageChange } from '../subscriptions/change/change.ts';
import type { CarriedUsage, When } from '../subscriptions/change/rules.ts';
import { cancelAtStripe, changePackageAtStripe, resumeAtStripe } from './change.ts';
import {
  type ConnectStripe,
  connectConfigured,
  connectStripe,
  createConnections,
  type OpenConnection,
} from './connection.ts';
import { disconnectStripe, type FormerConnection } from './disconnect.ts';
import type { StripeAddress } from './stripe.ts';
import type { SyncContext } from './sync.ts';

/** What requests need of billing. */
export interface Billing {
  open: OpenConnection;
  connect(author: Author, input: ConnectStripe): Promise<void>;
  disconnect(author: Author): Promise<FormerConnection>;
  /** Connects an environment with the keys that environment variables give it, unless it is so already. */
  connectConfigured(environmentId: string): Promise<void>;
  /** The environments that environment variables give keys. */
  configured: readonly string[];
  /** Changes of what Stripe holds; see change.ts. */
  cancel(context: SyncContext, author: Author, id: bigint, when: When): Promise<void>;
  resume(context: SyncContext, author: Author, id: bigint): Promise<void>;
  changePackage(
    context: SyncContext,
    author: Author,
    id: bigint,
    to: { packageId: string; when: When; usage: CarriedUsage },
  ): Promise<PackageChange>;
}

export function createBilling(
  database: Pick<Database, 'prisma' | 'of'>,
  encryption: Encryption,
  address: StripeAddress,
  configured: Readonly<Record<string, StripeKeys>> = {},
): Billing {
  const open = createConnections(database.prisma, encryption, address);
  const contextOf = (author: Author) => {
    const { prisma } = database.of(author.environmentId);
    return { prisma, author, encryption, address, configured };
  };
  return {
    open,
    connect: (author, input) => connectStripe(contextOf(author), input),
    disconnect: (author) =>
      disconnectStripe(
        database.of(author.environmentId).prisma,
        author,
        configured[author.environmentId] !== undefined,
      ),
    configured: Object.keys(configured),
    connectConfigured: (environmentId) => connectConfigured(contextOf(ownAuthor('SERVER', environmentId))),
    cancel: (context, author, id, when) =>
      cancelAtStripe({ ...context, open, author, action: 'cancelSubscription' }, id, when),
    resume: (context, author, id) =>
      resumeAtStripe({ ...context, open, author, action: 'resumeSubscription' }, id),
    changePackage: (context, author, id, to) =>
      changePackageAtStripe({ ...context, open, author, action: 'changePackage' }, id, to),
  };
}
