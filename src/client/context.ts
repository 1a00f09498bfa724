import type { PrismaClient } from '../database/generated/client.ts';
import type { FindStanding } from '../entitlements/store.ts';

/** What every resolver of the client API gets: whom it may read, and the ways to the data. */
export interface ClientContext {
  db: PrismaClient;
  /** The environment of the request's credentials. */
  environmentId: string;
  /** The one user who may be read, by the id that the company chose. Whether there is one is not known yet. */
  userId: string;
  findStanding: FindStanding;
}
