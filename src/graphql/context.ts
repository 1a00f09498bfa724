import type { Author } from '../audit/rules.ts';
import type { Links } from '../auth/members/links.ts';
import type { Permissions } from '../auth/permission-rules.ts';
import type { Encryption } from '../auth/secrets/encryption.ts';
import type { Sessions } from '../auth/sessions/sessions.ts';
import type { UserTokens } from '../auth/tokens/tokens.ts';
import type { Billing } from '../billing/billing.ts';
import type { CatalogueFiles } from '../catalogue/file/files.ts';
import type { ReadClock } from '../database/clock.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { FindStanding } from '../entitlements/store.ts';
import type { Fault } from '../http/faults.ts';
import type { DoHeavyWork } from '../http/heavy-work.ts';
import type { IngestEvents } from '../segment/events/ingest.ts';
import type { RecordUsage } from '../usage/record/record.ts';
import type { Reservations } from '../usage/reservations/reserve.ts';
import type { AdmitUsers } from '../users/arrival.ts';
import type { DeletePerson } from '../users/merge/merge.ts';
import type { ReadingContext } from './reading.ts';

/** The context of every resolver: the caller, and access to the data. */
export interface Context {
  db: PrismaClient;
  /** The environment of the request's key. */
  environmentId: string;
  /** The caller, for the audit log. */
  author: Author;
  /** What the caller may do. */
  permissions: Permissions;
  /** Reads the database's clock. Use it for instants that are compared with rows. */
  readClock: ReadClock;
  findStanding: FindStanding;
  recordUsage: RecordUsage;
  reservations: Reservations;
  admitUsers: AdmitUsers;
  deletePerson: DeletePerson;
  ingestEvents: IngestEvents;
  userTokens: UserTokens;
  links: Links;
  sessions: Sessions;
  billing: Billing;
  catalogueFiles: CatalogueFiles;
  doHeavyWork: DoHeavyWork;
  /** How secrets of webhooks are stored, and which addresses they may have. */
  webhooks: { encryption: Encryption; allowPrivate: boolean };
  /** Runs reads of this request alone, which end when the caller leaves; see untilAborted. */
  untilCallerLeaves: <Result>(read: () => PromiseLike<Result>) => Promise<Result>;
  /** The same for reads that may take long: few of an environment run at once. */
  readLong: <Result>(read: () => PromiseLike<Result>) => Promise<Result>;
  /** The address at which the caller's people find this path of the console. */
  addressOf: (path: string) => string;
  /** Logs a failure that is returned as data, beside other results. Returns what the caller may see of it. */
  reportFault: (error: unknown) => Fault;
  /** For operations that may read a replica; see reading.ts. */
  readReplica?: ReadingContext['readReplica'];
  settledUntil?: ReadingContext['settledUntil'];
}
