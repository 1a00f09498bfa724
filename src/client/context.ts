import type { PrismaClient } from '../database/generated/client.ts';
import type { FindStanding } from '../entitlements/store.ts';

/** The context of every resolver of the client API. */
export interface ClientContext {
  db: PrismaClient;
  /** The environment of the request's credentials. */
  environmentId: string;
  /** The id of the user who may be read. The user may not exist. */
  userId: string;
  findStanding: FindStanding;
}
