import type { Author } from '../audit/rules.ts';
import type { Encryption } from '../auth/secrets/encryption.ts';
import type { Database } from '../database/client.ts';
import { type ConnectStripe, connectStripe, createConnections, type OpenConnection } from './connection.ts';
import type { StripeAddress } from './stripe.ts';

/** What requests need of billing. */
export interface Billing {
  open: OpenConnection;
  connect(author: Author, input: ConnectStripe): Promise<void>;
}

export function createBilling(
  database: Pick<Database, 'prisma' | 'of'>,
  encryption: Encryption,
  address: StripeAddress,
): Billing {
  return {
    open: createConnections(database.prisma, encryption, address),
    connect: (author, input) =>
      connectStripe({ prisma: database.of(author.environmentId).prisma, author, encryption, address }, input),
  };
}
