import type { Author } from '../audit/rules.ts';
import type { UserTokens } from '../auth/token-actions.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { FindStanding } from '../entitlements/store.ts';
import type { Fault } from '../http/faults.ts';
import type { DeletePerson } from '../merging/actions.ts';
import type { IngestEvents } from '../segment/actions.ts';
import type { RecordUsage } from '../usage/actions.ts';
import type { AdmitUsers } from '../users/actions.ts';

/** What every resolver gets: who asks, and the ways to the data. */
export interface Context {
  db: PrismaClient;
  /**
   * The environment of the request's key. Without a valid key it is empty, which matches no row; the
   * authentication plugin answers such requests before any resolver runs, introspection excepted.
   */
  environmentId: string;
  /** Who asks, for the audit log. */
  author: Author;
  findStanding: FindStanding;
  recordUsage: RecordUsage;
  admitUsers: AdmitUsers;
  deletePerson: DeletePerson;
  ingestEvents: IngestEvents;
  userTokens: UserTokens;
  /** Logs a failure that is told as data, beside what succeeded; answers what its caller may know of it. */
  tellFault: (error: unknown) => Fault;
}
