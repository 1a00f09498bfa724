import {
  type ASTNode,
  BREAK,
  type DocumentNode,
  defaultFieldResolver,
  type FieldNode,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  isInputObjectType,
  isInputType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  isRequiredInputField,
  Kind,
  type OperationDefinitionNode,
  TypeNameMetaFieldDef,
  typeFromAST,
  type ValueNode,
  valueFromAST,
  visit,
} from 'graphql';
import { type GuardedContext, guardOf } from '../permissions.ts';
import { asItIs } from '../scalars.ts';
import { collectFields, countFields, fieldsBelow, fragmentsOf } from '../selection.ts';

const unplanned = new Error('a plan does not handle these variables, or this answer');

function fail(): never {
  throw unplanned;
}

type Values = Record<string, unknown>;
type Convert = (value: unknown) => unknown;
type Write = (value: unknown, context: object) => unknown;

/** An operation with one field, ready to run. Each step throws where the general way has to answer. */
export interface CompiledOperation {
  definition: OperationDefinitionNode;
  /** Returns the arguments of the field. */
  readArguments(variables: Readonly<Values>): Values;
  /** Calls the resolver of the field. */
  call(args: Values, context: object): unknown;
  /** Returns the `data` of the answer from what the resolver returned. */
  write(value: unknown, context: object): Values;
  /** Whether its answers are always short: they hold few fields, and no list. */
  isShort: boolean;
}

/** For the extensions of fields that have plans; see plans.ts. */
export const planned = { planned: true } as const;

export const isPlanned = ({ extensions }: Pick<GraphQLField<unknown, unknown>, 'extensions'>): boolean =>
  extensions.planned === true;

/** What a resolver learns of the operation. A plan adds what it has found out once for all calls. */
export interface PlannedInfo extends GraphQLResolveInfo {
  /** The fields that are selected directly below this one, by their names in the schema. */
  selected?: ReadonlySet<string>;
}

/**
 * Compiles a valid operation with one planned field. Null if it is not a simple one: a single operation with a single
 * field, without directives.
 */
export function compileOperation(schema: GraphQLSchema, document: DocumentNode): CompiledOperation | null {
  const definition = onlyOne(document.definitions.filter((each) => each.kind === Kind.OPERATION_DEFINITION));
  if (definition === null || contains(document, 'Directive')) return null;
  const fragments = fragmentsOf(document);
  const selected = onlyOne([...collectFields([definition.selectionSet], fragments)]);
  const parentType = schema.getRootType(definition.operation);
  if (selected === null || !parentType) return null;
  const [key, fieldNodes] = selected;
  const [node] = fieldNodes;
  const field = parentType.getFields()[node.name.value];
  if (field === undefined || !isPlanned(field) || key === '__proto__') return null;
  const info: PlannedInfo = {
    ...{ schema, fragments, operation: definition, rootValue: undefined, variableValues: {} },
    ...{ fieldName: field.name, fieldNodes, returnType: field.type, parentType },
    path: { prev: undefined, key, typename: parentType.name },
    selected: new Set([...fieldsBelow(fieldNodes, fragments).values()].map(([{ name }]) => name.value)),
  };
  const readVariables = compileVariables(schema, definition);
  const readArguments = compileArguments(field.args, node);
  const write = compileOutput(field.type, info);
  if (readVariables === null || write === null) return null;
  return {
    definition,
    readArguments: (variables) => readArguments(readVariables(variables)),
    call: compileCall(field, info),
    write: (value, context) => ({ [key]: write(value, context) }),
    isShort: countFields(field.type, fieldNodes, fragments) <= maxShort,
  };
}

/** So many fields of a plan are short: their texts are names and sentences. */
const maxShort = 100;

/** Permissions that were enough once are enough for this operation: what it selects never changes. */
function compileCall(field: GraphQLField<unknown, unknown>, info: PlannedInfo): CompiledOperation['call'] {
  const { check, resolve } = guardOf(field);
  if (check === null) return (args, context) => resolve(undefined, args, context, info);
  const enough = new WeakSet<object>();
  return (args, context) => {
    const { permissions } = context as GuardedContext;
    if (!enough.has(permissions)) {
      check(context as GuardedContext, info);
      enough.add(permissions);
    }
    return resolve(undefined, args, context, info);
  };
}

const onlyOne = <Item>([first, ...more]: readonly Item[]): Item | null =>
  first === undefined || more.length > 0 ? null : first;

function contains(node: ASTNode, kind: 'Directive' | 'Variable'): boolean {
  let found = false;
  visit(node, {
    [kind]() {
      found = true;
      return BREAK;
    },
  });
  return found;
}

/** A variable of the operation, or a field of an input object. */
interface Entry {
  name: string;
  convert: Convert;
  isRequired: boolean;
  /** The value if it is missing; undefined leaves it out. */
  fallback: unknown;
}

function readEntries(entries: readonly Entry[], given: Readonly<Values>): Values {
  const values: Values = {};
  for (const { name, convert, isRequired, fallback } of entries) {
    if (Object.hasOwn(given, name)) values[name] = convert(given[name]);
    else if (isRequired) fail();
    else if (fallback !== undefined) values[name] = fallback;
  }
  return values;
}

function compileVariables(schema: GraphQLSchema, { variableDefinitions = [] }: OperationDefinitionNode) {
  const entries = variableDefinitions.map(({ variable, type: typeNode, defaultValue }): Entry | null => {
    const type = typeFromAST(schema, typeNode);
    if (!isInputType(type)) return null;
    const fallback = defaultValue && valueFromAST(defaultValue, type);
    const isRequired = isNonNullType(type) && fallback === undefined;
    return { name: variable.name.value, convert: compileInput(type), isRequired, fallback };
  });
  const known = entries.filter((entry) => entry !== null);
  return known.length < entries.length
    ? null
    : (variables: Readonly<Values>) => readEntries(known, variables);
}

/** Returns a function that coerces JSON to an input type. It throws for everything that is not exactly of the type. */
function compileInput(type: GraphQLInputType): Convert {
  if (isNonNullType(type)) {
    const convert = compileInput(type.ofType);
    return (value) => convert(value ?? fail());
  }
  const convert = compileNullable(type);
  return (value) => (value === null ? null : convert(value));
}

function compileNullable(type: GraphQLInputType): Convert {
  if (isListType(type)) {
    const convert = compileInput(type.ofType);
    return (value) => (Array.isArray(value) ? value.map(convert) : fail());
  }
  if (isInputObjectType(type)) return compileInputObject(type);
  if (!isLeafType(type)) return fail;
  return type.parseValue === asItIs
    ? (value) => value ?? fail()
    : (value) => type.parseValue(value) ?? fail();
}

function compileInputObject(type: GraphQLInputObjectType): Convert {
  const known = type.getFields();
  const entries = Object.values(known).map((field) => ({
    name: field.name,
    convert: compileInput(field.type),
    isRequired: isRequiredInputField(field),
    fallback: field.defaultValue,
  }));
  return (value) => {
    if (!isObject(value) || Object.keys(value).some((name) => !Object.hasOwn(known, name))) fail();
    return readEntries(entries, value);
  };
}

function isObject(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Literals are read once. A variable is taken as it was coerced; those inside of a literal are put in their place. */
function compileArguments(args: readonly GraphQLArgument[], node: FieldNode) {
  const given = new Map(node.arguments?.map(({ name, value }) => [name.value, value]));
  const readers = args.map((arg) => ({ name: arg.name, read: compileArgument(arg, given.get(arg.name)) }));
  return (variables: Values): Values => {
    const values: Values = {};
    for (const { name, read } of readers) {
      const value = read(variables);
      if (value !== undefined) values[name] = value;
    }
    return values;
  };
}

function compileArgument(arg: GraphQLArgument, node: ValueNode | undefined): (variables: Values) => unknown {
  if (node === undefined) return () => arg.defaultValue;
  const check = (value: unknown) => {
    if (value === undefined || (value === null && isNonNullType(arg.type))) fail();
    return value;
  };
  if (node.kind === Kind.VARIABLE) {
    const name = node.name.value;
    const missing = isRequiredArgument(arg) ? check : () => arg.defaultValue;
    return (variables) => (Object.hasOwn(variables, name) ? check(variables[name]) : missing(undefined));
  }
  if (contains(node, 'Variable')) return (variables) => check(valueFromAST(node, arg.type, variables));
  const literal = valueFromAST(node, arg.type);
  return () => check(literal);
}

function compileOutput(type: GraphQLOutputType, info: GraphQLResolveInfo): Write | null {
  const isNullable = !isNonNullType(type);
  const write = compileNullableOutput(isNonNullType(type) ? type.ofType : type, info);
  if (write === null) return null;
  return (value, context) => {
    if (value === null || value === undefined) return isNullable ? null : fail();
    const isSpecial = value instanceof Error || (value instanceof Object && 'then' in value);
    return isSpecial ? fail() : write(value, context);
  };
}

function compileNullableOutput(type: GraphQLOutputType, info: GraphQLResolveInfo): Write | null {
  if (isListType(type)) {
    const write = compileOutput(type.ofType, info);
    if (write === null) return null;
    return (value, context) => (Array.isArray(value) ? value.map((item) => write(item, context)) : fail());
  }
  if (isObjectType(type)) return compileOutputObject(type, info);
  return isLeafType(type) ? (value) => type.serialize(value) ?? fail() : null;
}

function compileOutputObject(type: GraphQLObjectType, info: GraphQLResolveInfo): Write | null {
  if (type.isTypeOf) return null;
  const all = [...fieldsBelow(info.fieldNodes, info.fragments)].map((each) => compileField(type, each, info));
  const fields = all.filter((field) => field !== null);
  if (fields.length < all.length) return null;
  return (value, context) => {
    const written: Values = {};
    for (const { key, read } of fields) written[key] = read(value, context);
    return written;
  };
}

/** A field below the planned one. Null if it has arguments: such fields load what they return. */
function compileField(
  parentType: GraphQLObjectType,
  [key, fieldNodes]: [string, [FieldNode, ...FieldNode[]]],
  parent: GraphQLResolveInfo,
): { key: string; read: Write } | null {
  const name = fieldNodes[0].name.value;
  const field = name === TypeNameMetaFieldDef.name ? TypeNameMetaFieldDef : parentType.getFields()[name];
  if (field === undefined || field.args.length > 0 || key === '__proto__') return null;
  const path = { prev: parent.path, key, typename: parentType.name };
  const info = { ...parent, fieldName: name, fieldNodes, returnType: field.type, parentType, path };
  const write = compileOutput(field.type, info);
  const { resolve = defaultFieldResolver } = field;
  return write && { key, read: (source, context) => write(resolve(source, {}, context, info), context) };
}
