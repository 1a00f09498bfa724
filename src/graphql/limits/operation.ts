import {
  type ASTVisitor,
  GraphQLError,
  getNamedType,
  getNullableType,
  isListType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type ValidationContext,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';

/*
 * The limits of one operation. They are checked once, when a document is validated, and not again while it is cached.
 * The length of the text is limited earlier (document.ts), and so is the work of validating it (validation-work.ts).
 *
 * This is our own code because the available libraries do not know which fields are lists, which is what makes answers
 * large. They also measure fragments again and again, and visit the document once for each limit.
 */

/** Nested fields. */
export const maxDepth = 15;
/** Aliases allow an operation to request the same field many times. */
export const maxAliases = 1_000;
export const maxDirectives = 100;
/** The estimated fields of the answer, with every list counted as itemsOfList items. */
export const maxCost = 2_000_000;
const itemsOfList = 10;

interface Measure {
  depth: number;
  aliases: number;
  directives: number;
  cost: number;
}

const nothing: Measure = { depth: 0, aliases: 0, directives: 0, cost: 0 };

const sum = (a: Measure, b: Measure): Measure => ({
  depth: Math.max(a.depth, b.depth),
  aliases: a.aliases + b.aliases,
  directives: a.directives + b.directives,
  cost: a.cost + b.cost,
});

/** Refuses operations that are too deep or too expensive. Fragments count wherever they are spread. */
export function withinLimits(context: ValidationContext): ASTVisitor {
  const known = new Map<string, Measure>();

  function measure(set: SelectionSetNode | undefined, parent: unknown): Measure {
    return (set?.selections ?? [])
      .map((selection) => {
        const directives = selection.directives?.length ?? 0;
        return sum({ ...nothing, directives }, measureSelection(selection, parent));
      })
      .reduce(sum, nothing);
  }
  function measureSelection(selection: SelectionSetNode['selections'][number], parent: unknown): Measure {
    if (selection.kind === Kind.INLINE_FRAGMENT)
      return measure(selection.selectionSet, typeOf(selection.typeCondition?.name.value) ?? parent);
    if (selection.kind === Kind.FRAGMENT_SPREAD) return measureFragment(selection.name.value);
    const { name, alias, selectionSet } = selection;
    const aliases = alias === undefined ? 0 : 1;
    // Introspection is deep, but its answer is the same for everybody.
    if (name.value.startsWith('__')) return { ...nothing, aliases };
    const type = isObjectType(parent) ? parent.getFields()[name.value]?.type : undefined;
    const inner = measure(selectionSet, type && getNamedType(type));
    const items = type && isListType(getNullableType(type)) ? itemsOfList : 1;
    return {
      depth: inner.depth + 1,
      aliases: inner.aliases + aliases,
      directives: inner.directives,
      cost: 1 + items * inner.cost,
    };
  }
  function measureFragment(name: string): Measure {
    const before = known.get(name);
    if (before !== undefined) return before;
    // Another rule refuses a fragment that contains itself. Here the recursion ends.
    known.set(name, nothing);
    const fragment = context.getFragment(name);
    const own = measure(fragment?.selectionSet, typeOf(fragment?.typeCondition.name.value));
    known.set(name, own);
    return own;
  }
  const typeOf = (name: string | undefined) =>
    name === undefined ? undefined : context.getSchema().getType(name);

  return {
    OperationDefinition(node) {
      const root = context.getSchema().getRootType(node.operation);
      const own = measure(node.selectionSet, root);
      const directives = own.directives + (node.directives?.length ?? 0);
      for (const problem of problemsOf({ ...own, directives })) context.reportError(refuse(problem, node));
    },
  };
}

function problemsOf({ depth, aliases, directives, cost }: Measure): string[] {
  const excesses: [number, number, string][] = [
    [depth, maxDepth, 'levels of fields'],
    [aliases, maxAliases, 'aliases'],
    [directives, maxDirectives, 'directives'],
  ];
  const problems = excesses
    .filter(([count, max]) => count > max)
    .map(([, max, what]) => `The operation has more than ${max} ${what}.`);
  if (cost > maxCost)
    problems.push(
      `The operation asks for more than ${maxCost} fields, with every list in it counted as ${itemsOfList} items.`,
    );
  return problems;
}

const refuse = (message: string, node: OperationDefinitionNode) => new GraphQLError(message, { nodes: node });

export function useLimits(): Plugin {
  return { onValidate: ({ addValidationRule }) => addValidationRule(withinLimits) };
}
