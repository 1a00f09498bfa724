import { type ASTNode, type DocumentNode, GraphQLError, isValueNode, Kind, visit } from 'graphql';
import type { Plugin } from 'graphql-yoga';

/**
 * Names the field, as every violation does: what GraphQL and the scalars say of a value that is written out in the
 * operation begins with the path of it, such as `input.features.0.id`. Of a variable they name it themselves.
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

/** The value that an error is about, if it stands in the operation. */
function wrongValue({ nodes }: GraphQLError): ASTNode | undefined {
  const [node] = nodes ?? [];
  return node && isValueNode(node) && node.kind !== Kind.VARIABLE ? node : undefined;
}

/** The paths of these values in the arguments, by one walk through the document however many they are. */
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

/** What a node adds to the path of the values in it. */
function nameOf(node: ASTNode, key: unknown, holder: unknown): string[] {
  if (node.kind === Kind.ARGUMENT || node.kind === Kind.OBJECT_FIELD) return [node.name.value];
  if (node.kind === Kind.VARIABLE_DEFINITION) return [`$${node.variable.name.value}`];
  return (holder as ASTNode | undefined)?.kind === Kind.LIST ? [String(key)] : [];
}
