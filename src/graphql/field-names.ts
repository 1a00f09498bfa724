import { type ASTNode, type DocumentNode, GraphQLError, isValueNode, Kind, visit } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * Adds the field's path, such as `input.features.0.id`, to the message of each error about a literal value in the
 * operation. For variables, GraphQL names the path itself.
 */
export function useFieldNames(): Plugin {
  return {
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((...args: Parameters<typeof validateFn>) => {
        const errors: readonly GraphQLError[] = validateFn(...args);
        return errors.length === 0 ? errors : named(errors, args[1]);
      });
    },
  };
}

function named(errors: readonly GraphQLError[], document: DocumentNode): readonly GraphQLError[] {
  const values = new Set(errors.flatMap((error) => wrongValue(error) ?? []));
  if (values.size === 0) return errors;
  const paths = pathsOf(values, document);
  return errors.map((error) => {
    const value = wrongValue(error);
    const path = value && paths.get(value);
    return path === undefined ? error : new GraphQLError(`${path}: ${error.message}`, error);
  });
}

/** Returns the literal value that an error is about. */
function wrongValue({ nodes }: GraphQLError): ASTNode | undefined {
  const [node] = nodes ?? [];
  return node && isValueNode(node) && node.kind !== Kind.VARIABLE ? node : undefined;
}

/** Returns the paths of these values in the arguments. Visits the document once. */
function pathsOf(values: ReadonlySet<ASTNode>, document: DocumentNode): Map<ASTNode, string> {
  const paths = new Map<ASTNode, string>();
  const names: string[][] = [];
  visit(document, {
    enter(node, key, _parent, _path, ancestors) {
      names.push(nameOf(node, key, ancestors.at(-1)));
      if (values.has(node)) paths.set(node, names.flat().join('.'));
    },
    leave() {
      names.pop();
    },
  });
  return paths;
}

/** Returns the path segments that a node adds for the values in it. */
function nameOf(node: ASTNode, key: unknown, holder: unknown): string[] {
  if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) return [node.name.value];
  if (node.kind === Kind.VARIABLE_DEFINITION) return [`$${node.variable.name.value}`];
  return (holder as ASTNode | undefined)?.kind === Kind.LIST ? [String(key)] : [];
}
