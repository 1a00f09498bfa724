import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { mayDo, type Permission, requirePermission } from '../auth/permission-rules.ts';
import type { Context } from './context.ts';

/**
 * Mutations that need something else than `admin`. A mutation that stands nowhere here needs `admin`: keys, members,
 * webhooks, Stripe and settings.
 */
const mutationPermissions = new Map<string, Permission>([
  ...listed('usage', 'recordUsage recordUsages createUsageEvent'),
  ...listed('usage', 'reserveUsage commitReservation releaseReservation'),
  ...listed('ingest', 'ingestSegmentEvent'),
  ...listed('edit', 'createFeature updateFeature deleteFeature publishCatalogue'),
  ...listed('edit', 'createPackage duplicatePackage createPackageVersion updatePackage updateDraftPackage'),
  ...listed('edit', 'publishPackage unpublishPackage archivePackage deleteDraftPackage'),
  ...listed('edit', 'setPackagePrice removePackagePrice'),
  ...listed('edit', 'createUser updateUser deleteUser mergeUsers importUsers'),
  ...listed('edit', 'subscribe subscribeUsers changePackage cancelSubscription resumeSubscription'),
  ...listed('edit', 'migrateSubscribers stopMigration generateSubscriptionLink generatePortalLink'),
  ...listed('edit', 'grantFeature revokeGrant topUp voidTopUp'),
  ...listed('edit', 'createMappingRule updateMappingRule deleteMappingRule'),
]);

function listed(permission: Permission, names: string): [string, Permission][] {
  return names.split(' ').map((name) => [name, permission]);
}

/** Queries that need `admin`: who else is there. */
const adminQueries = ['members', 'invitations', 'sessions'];

/** What answers of these mutations tell without the scope `read`: what became of the call itself. */
const openFields: Record<string, readonly string[]> = {
  RecordedUsage: ['recorded', 'reason', 'duplicate', 'entitlement'],
  RecordUsageResult: ['recorded', 'reason', 'duplicate', 'entitlement', 'error'],
  RecordUsageError: ['code', 'message', 'name'],
  Reservation: ['reserved', 'reason', 'id', 'expiresAt', 'entitlement'],
  Entitlement: ['access', 'reason', 'consumption'],
  Consumption: ['used', 'budget', 'remaining', 'overageEnabled', 'topUp'],
  TopUpBalance: ['granted', 'remaining'],
  IngestedSegmentEvent: ['messageId', 'outcome', 'firstOutcome', 'warnings'],
};

/**
 * What a field needs: queries, and what is reached from them, `read`; mutations see above. Null: the field tells only
 * what became of the mutation.
 */
export function permissionFor(typeName: string, fieldName: string): Permission | null {
  if (typeName === 'Mutation') return mutationPermissions.get(fieldName) ?? 'admin';
  if (typeName === 'Query' && adminQueries.includes(fieldName)) return 'admin';
  return openFields[typeName]?.includes(fieldName) ? null : 'read';
}

/** Makes every field of this schema need its scope, by wrapping the resolvers of root fields. Returns the schema. */
export function withPermissions(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const field of Object.values(type?.getFields() ?? {}))
      guard(field as GraphQLField<unknown, Context>);
  return schema;
}

export type GuardedContext = Pick<Context, 'permissions' | 'author'>;

/** The resolvers of guarded fields without their guards. */
const unguarded = new WeakMap<object, GraphQLFieldResolver<unknown, unknown>>();

/** The selections are checked before the field is resolved: a mutation that may not answer what is asked changes nothing. */
function guard(field: GraphQLField<unknown, Context>): void {
  const { resolve = defaultFieldResolver } = field;
  unguarded.set(field, resolve as GraphQLFieldResolver<unknown, unknown>);
  field.resolve = (source, args, context, info) => {
    check(context, info);
    return resolve(source, args, context, info);
  };
}

/** What the resolver of a field does: its check, null without one, and the rest. For plans, which check once. */
export function guardOf(field: GraphQLField<unknown, unknown>) {
  const resolve = unguarded.get(field);
  return resolve === undefined
    ? { check: null, resolve: field.resolve ?? defaultFieldResolver }
    : { check, resolve };
}

/** @throws ForbiddenError */
function check({ permissions, author }: GuardedContext, info: GraphQLResolveInfo): void {
  if (permissions.has('admin')) return;
  const { parentType, fieldName, fieldNodes } = info;
  const caller = { permissions, isMember: author.memberId !== null };
  requirePermission(caller, permissionFor(parentType.name, fieldName) ?? 'read', fieldName);
  if (mayDo(permissions, 'read')) return;
  const visited = new Set<string>();
  const type = getNamedType(info.returnType);
  for (const { selectionSet } of fieldNodes) checkSelection(selectionSet, type);

  function checkSelection(set: SelectionSetNode | undefined, on: GraphQLNamedType): void {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.FIELD) checkField(selection, on);
      else if (selection.kind === Kind.INLINE_FRAGMENT) checkSelection(selection.selectionSet, on);
      else if (!visited.has(selection.name.value)) {
        visited.add(selection.name.value);
        checkSelection(info.fragments[selection.name.value]?.selectionSet, on);
      }
    }
  }

  function checkField({ name: { value: name }, selectionSet }: FieldNode, on: GraphQLNamedType): void {
    if (name.startsWith('__')) return;
    const needed = permissionFor(on.name, name);
    if (needed !== null) requirePermission(caller, needed, `${on.name}.${name}`);
    const field = isObjectType(on) ? on.getFields()[name] : undefined;
    if (field !== undefined) checkSelection(selectionSet, getNamedType(field.type));
  }
}
