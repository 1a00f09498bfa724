import {
  defaultFieldResolver,
  type FieldNode,
  type GraphQLField,
  type GraphQLNamedType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  getNamedType,
  isObjectType,
  Kind,
  type SelectionSetNode,
} from 'graphql';
import { mayDo, requirePermission, type Scope } from '../auth/permission-rules.ts';
import type { Context } from './context.ts';

/** Mutations that need another scope than `admin`. */
const mutationScopes: Record<string, Scope> = {
  recordUsage: 'usage',
  recordUsages: 'usage',
  createUsageEvent: 'usage',
  reserveUsage: 'usage',
  commitReservation: 'usage',
  releaseReservation: 'usage',
  ingestSegmentEvent: 'ingest',
};

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
 * The scope that a field needs: queries, and what is reached from them, `read`; mutations `admin`, if they need no other
 * one. Null: the field tells only what became of the mutation.
 */
export function scopeOf(typeName: string, fieldName: string): Scope | null {
  if (typeName === 'Mutation') return mutationScopes[fieldName] ?? 'admin';
  return openFields[typeName]?.includes(fieldName) ? null : 'read';
}

/** Makes every field of this schema need its scope, by wrapping the resolvers of root fields. Returns the schema. */
export function withPermissions(schema: GraphQLSchema): GraphQLSchema {
  for (const type of [schema.getQueryType(), schema.getMutationType()])
    for (const field of Object.values(type?.getFields() ?? {}))
      guard(field as GraphQLField<unknown, Context>);
  return schema;
}

/** The selections are checked before the field is resolved: a mutation that may not answer what is asked changes nothing. */
function guard(field: GraphQLField<unknown, Context>): void {
  const { resolve = defaultFieldResolver } = field;
  field.resolve = (source, args, context, info) => {
    if (!context.permissions.has('admin')) check(context, info);
    return resolve(source, args, context, info);
  };
}

/** @throws ForbiddenError */
function check({ permissions }: Context, info: GraphQLResolveInfo): void {
  const { parentType, fieldName, fieldNodes } = info;
  requirePermission(permissions, scopeOf(parentType.name, fieldName) ?? 'read', fieldName);
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
    const needed = scopeOf(on.name, name);
    if (needed !== null) requirePermission(permissions, needed, `${on.name}.${name}`);
    const field = isObjectType(on) ? on.getFields()[name] : undefined;
    if (field !== undefined) checkSelection(selectionSet, getNamedType(field.type));
  }
}
