import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  getNamedType,
  getOperationAST,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  OperationTypeNode,
  type SelectionSetNode,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import type { Caller } from '../auth/caller.ts';
import type { PrismaClient } from '../database/generated/client.ts';
import type { Replica, ReplicaRead } from '../database/replica.ts';
import { endOfLog, formatPosition, parsePosition } from '../database/replica-rules.ts';
import { type PolledTable, settledUntil } from '../database/settled.ts';
import type { RequestContext } from '../http/request-context.ts';
import { selectionSetOf } from './selection.ts';

/*
 * Which database an operation reads.
 *
 * The rule: an operation reads the replica if it is a query, all its fields are among `lists`, and it selects no check.
 * Everything else reads the primary:
 *
 * - mutations and checks; `usersNearLimit` is a check of many users
 * - one thing by its id, previews, settings and the catalogue: a form is filled from those, and what it saves depends on
 *   what it showed
 * - `users` and `segmentEvents`: callers follow them row by row, and must miss none (src/database/settled.ts). Pages of
 *   `exportUsers` and `usersConnection` are read on the replica as far as the primary says that they are complete
 *
 * One operation reads one database.
 */

/** Lists that grow with customers and their usage, series, exports and insights. */
const lists: ReadonlySet<string> = new Set([
  'auditLog',
  'billingFlags',
  'billingMeterFailures',
  'exportUsers',
  'featuresNearLimit',
  'flaggedUsers',
  'limitCounts',
  'segmentStatus',
  'subscriptions',
  'topUsers',
  'unmatchedEvents',
  'usageByFeature',
  'usageByPackage',
  'usageEvents',
  'usageSeries',
  'userActivity',
  'usersConnection',
  'webhookDeliveries',
]);

/** Types that tell what somebody may use: selecting one is a check. */
const checks: ReadonlySet<string> = new Set(['Entitlement', 'UserEntitlement']);

/** Whether a valid operation may read the replica. */
export function mayReadReplica(
  schema: GraphQLSchema,
  { operation, selectionSet }: OperationDefinitionNode,
  { definitions }: DocumentNode,
): boolean {
  const root = schema.getQueryType();
  if (operation !== OperationTypeNode.QUERY || !root) return false;
  const fragments: Record<string, FragmentDefinitionNode> = {};
  for (const definition of definitions)
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments[definition.name.value] = definition;
  const seen = new Set<string>();
  return isRead(selectionSet, root);

  function isRead(set: SelectionSetNode, on: GraphQLObjectType): boolean {
    return set.selections.every((selection) => {
      if (selection.kind === Kind.FIELD) return isReadField(selection, on);
      const inner = selectionSetOf(selection, fragments, seen);
      return inner === undefined || isRead(inner, on);
    });
  }
  function isReadField(
    { name: { value: name }, selectionSet: inner }: FieldNode,
    on: GraphQLObjectType,
  ): boolean {
    if (name === '__typename') return true;
    const field = on.getFields()[name];
    if (field === undefined || (on === root && !lists.has(name))) return false;
    const type = getNamedType(field.type);
    if (checks.has(type.name)) return false;
    return inner === undefined || (isObjectType(type) && isRead(inner, type));
  }
}

/** What contexts of resolvers may have for the server. */
export interface ContextParts {
  /** Called after a mutation, whatever became of it, before the answer. */
  afterMutation?: (() => Promise<void>) | undefined;
  /** Called when a read failed on the replica. Returns a context that reads the primary. */
  withPrimary?: (() => object) | undefined;
}

/** The part of a context that decides which database is read. */
export interface ReadingContext {
  db: PrismaClient;
  /** Returns the connections of the replica for this request. Null: the primary is read. Absent: there is no replica. */
  readReplica?: (() => Promise<ReplicaRead | null>) | undefined;
  /** If the replica is read: the instant before which no more rows are inserted, which only the primary knows. */
  settledUntil?: ReplicaRead['settledUntil'] | undefined;
}

/** Returns an instant before which no more rows are inserted; see src/database/settled.ts. */
export const readSettledUntil = (
  { db, settledUntil: settledOnReplica }: Pick<ReadingContext, 'db' | 'settledUntil'>,
  table: PolledTable,
): Promise<Date> => settledOnReplica?.(table) ?? settledUntil(db, table);

/** Lets operations that may do so read the replica. */
export function useReplica(
  schema: GraphQLSchema,
): Plugin<ReadingContext & { requestContext: RequestContext }> {
  // Clients repeat documents.
  const known = new WeakMap<OperationDefinitionNode, boolean>();
  function mayRead(document: DocumentNode, operationName: string | null | undefined): boolean {
    const definition = getOperationAST(document, operationName);
    if (!definition) return false;
    const found = known.get(definition) ?? mayReadReplica(schema, definition, document);
    known.set(definition, found);
    return found;
  }
  return {
    async onExecute({ args: { document, operationName, contextValue } }) {
      const { readReplica, requestContext } = contextValue;
      if (readReplica === undefined || !mayRead(document, operationName)) return;
      const read = await readReplica();
      if (read === null) return;
      contextValue.db = read.db;
      contextValue.settledUntil = read.settledUntil;
      requestContext.dataAgeMs = read.ageMs;
    },
  };
}

/**
 * Lets a caller's reads use the replica. Calls with a key find everything that was committed before them, whatever
 * process it went through. The console finds what its own browser has changed, and says how old the rest may be.
 */
export function withReplica<Services extends ReadingContext>(
  services: Services,
  replica: Replica,
  { environmentId, written }: Caller,
  { setHeader }: RequestContext,
): Services & ContextParts {
  const below = parsePosition(written?.position ?? '');
  return {
    ...services,
    readReplica: () => replica.read(environmentId, written === undefined ? 'EVERYTHING' : { below }),
    withPrimary() {
      replica.noteFailure();
      return services;
    },
    ...(written !== undefined && {
      async afterMutation() {
        const position = await replica.writtenUntil().catch(() => endOfLog);
        setHeader('Set-Cookie', written.cookieOf(formatPosition(position)));
      },
    }),
  };
}
