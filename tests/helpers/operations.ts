import {
  type GraphQLField,
  type GraphQLInputType,
  type GraphQLObjectType,
  type GraphQLOutputType,
  getNamedType,
  getNullableType,
  isInputObjectType,
  isListType,
  isObjectType,
} from 'graphql';

type Field = GraphQLField<unknown, unknown>;

/** Arguments of nested fields, by coordinate, such as `Feature.entitlement`. */
export type NestedArguments = Record<string, Record<string, unknown>>;

/** How deep selections go: far enough to come back to a type by another way. */
const depth = 4;

/**
 * An operation that calls one field with these of its arguments as variables, and selects all that it answers.
 *
 * @param without the types that are not selected
 */
export function operationOf(
  kind: 'query' | 'mutation',
  field: Field,
  given: readonly string[],
  nested: NestedArguments = {},
  without: ReadonlySet<string> = new Set(),
): string {
  const args = field.args.filter(({ name }) => given.includes(name));
  const variables = args.map(({ name, type }) => `$${name}: ${type}`).join(', ');
  const values = args.map(({ name }) => `${name}: $${name}`).join(', ');
  const head = variables === '' ? kind : `${kind} (${variables})`;
  const call = values === '' ? field.name : `${field.name}(${values})`;
  return `${head} { ${call}${selectionOf(field.type, nested, depth, without)} }`;
}

function selectionOf(
  type: GraphQLOutputType,
  nested: NestedArguments,
  left: number,
  without: ReadonlySet<string>,
): string {
  const named = getNamedType(type);
  if (!isObjectType(named)) return '';
  const fields = Object.values(named.getFields())
    .filter((field) => left > 1 || !isObjectType(getNamedType(field.type)))
    .filter((field) => !without.has(getNamedType(field.type).name))
    .map((field) => {
      const deeper = named.name === 'Package' ? Math.min(left - 1, packagesIn(field.name)) : left - 1;
      return `${field.name}${literals(named, field, nested)}${selectionOf(field.type, nested, deeper, without)}`;
    });
  return ` { ${fields.length > 0 ? fields.join(' ') : '__typename'} }`;
}

/** How deep to go into fields of a package that are packages again: operations would grow too large. */
function packagesIn(name: string): number {
  if (name === 'versions' || name === 'draft') return 1;
  return name === 'basePackages' || name === 'addons' ? 2 : depth;
}

function literals(type: GraphQLObjectType, field: Field, nested: NestedArguments): string {
  const given = Object.entries(nested[`${type.name}.${field.name}`] ?? {});
  if (given.length === 0) return '';
  return `(${given.map(([name, value]) => `${name}: ${JSON.stringify(value)}`).join(', ')})`;
}

/** Everything that can be given to a field: arguments, and the fields of inputs, as paths. */
export function inputPaths(field: Field): string[] {
  return field.args.flatMap(({ name, type }) => pathsIn(name, type));
}

function pathsIn(path: string, type: GraphQLInputType): string[] {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) return [path];
  return Object.values(named.getFields()).flatMap((each) => pathsIn(`${path}.${each.name}`, each.type));
}

/** The paths, as inputPaths writes them, that these arguments give. */
export function givenPaths(field: Field, values: Record<string, unknown>): string[] {
  return field.args
    .filter(({ name }) => name in values)
    .flatMap(({ name, type }) => givenIn(name, type, values[name]));
}

function givenIn(path: string, type: GraphQLInputType, value: unknown): string[] {
  const actual = getNullableType(type);
  if (isListType(actual)) return [value].flat().flatMap((item) => givenIn(path, actual.ofType, item));
  if (!isInputObjectType(actual)) return [path];
  const fields = actual.getFields();
  return Object.entries(value as object).flatMap(([name, item]) => {
    const field = fields[name];
    return field === undefined ? [`${path}.${name}`] : givenIn(`${path}.${name}`, field.type, item);
  });
}
