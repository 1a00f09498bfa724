import {
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  GraphQLError,
  Kind,
  NoFragmentCyclesRule,
  type SelectionNode,
  type SelectionSetNode,
  type ValidationRule,
  VariablesInAllowedPositionRule,
} from 'graphql';
import type { Plugin } from 'graphql-yoga';
import { AmountVariablesRule } from '../amount-variables.ts';

/*
 * The limit of validation work. GraphQL's own rules compare all pairs of fields with one name at one path of the answer,
 * and follow each fragment spread: 40 KB of text could take half a second. So this work is counted first, in one pass
 * that ends as soon as it is too much. Such an operation is not validated.
 */

/** Fragments of a document. */
export const maxFragments = 100;
/** Selections. They count wherever their fragment is spread. Long arguments count as several. */
export const maxSelections = 50_000;
/** Comparisons of two fields with one name at one path. */
export const maxComparisons = 6_000;
/** Each comparison may cause an error, which reads the text to find its line. So long texts have a lower limit. */
const maxComparedCharacters = 50_000_000;
/** Nested fields, including fragments. Ordinary operations may have 15. Introspection does not have that limit. */
const maxNesting = 200;
/** This many characters of arguments and directives count as one more selection. */
const charactersOfSelection = 32;
/** Errors of one validation. Each one reads the text from its start to find its line. */
const maxErrors = 20;

/** Validates operations only if that takes little work. */
export function useBoundedValidation(): Plugin {
  return {
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((...[schema, document, given]: Parameters<typeof validateFn>) => {
        const problem = validationProblem(document);
        const rules = given?.map((rule: ValidationRule) =>
          rule === VariablesInAllowedPositionRule ? AmountVariablesRule : rule,
        );
        if (problem === null) return validateFn(schema, document, rules, { maxErrors });
        const cycles = validateFn(schema, document, [NoFragmentCyclesRule] as ValidationRule[]);
        return cycles.length > 0 ? cycles : [problem];
      });
    },
  };
}

/** Returns an error if validating this document would take too much work, else null. */
export function validationProblem(document: DocumentNode): GraphQLError | null {
  const counted = countValidationWork(document);
  if (counted.excess === null) return null;
  return new GraphQLError(counted.excess, { nodes: document.definitions.slice(0, 1) });
}

interface ValidationWork {
  selections: number;
  comparisons: number;
  /** The exceeded limit. Counting stops there. */
  excess: string | null;
}

/** The selection sets at one path of the answer. */
interface PathSelection {
  sets: SelectionSetNode[];
  level: number;
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** Counts the work of GraphQL's rules, as an upper bound; see above. */
export function countValidationWork(document: DocumentNode): ValidationWork {
  const fragments = fragmentsOf(document);
  const open = rootSelections(document);
  const allowed = allowedComparisons(document);
  const work: ValidationWork = { selections: 0, comparisons: 0, excess: null };
  if (fragments.size > maxFragments) work.excess = `The operation has more than ${maxFragments} fragments.`;

  for (let next = open.pop(); next !== undefined && work.excess === null; next = open.pop()) {
    const fields = collectFields(next.sets, fragments, work);
    open.push(...nestedSelections(fields, next.level + 1));
    work.excess ??= excessOf(work, next, allowed);
  }
  return work;
}

function excessOf({ comparisons }: ValidationWork, { level }: PathSelection, allowed: number): string | null {
  if (level > maxNesting) return `The operation has more than ${maxNesting} levels of fields.`;
  if (comparisons > allowed)
    return `The operation names the same fields too often: more than ${allowed} times two of them would have to be compared.`;
  return null;
}

const fragmentsOf = ({ definitions }: DocumentNode): Fragments =>
  new Map(
    definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );

/** Where comparisons start. GraphQL also compares within each fragment separately. */
const rootSelections = ({ definitions }: DocumentNode): PathSelection[] =>
  definitions.flatMap((definition) =>
    'selectionSet' in definition && definition.selectionSet !== undefined
      ? [{ sets: [definition.selectionSet], level: 1 }]
      : [],
  );

const nestedSelections = (fields: Iterable<FieldNode[]>, level: number): PathSelection[] =>
  [...fields]
    .map((same) => ({ sets: same.flatMap(({ selectionSet }) => selectionSet ?? []), level }))
    .filter(({ sets }) => sets.length > 0);

function allowedComparisons({ loc }: DocumentNode): number {
  const characters = Math.max(loc?.end ?? 0, 1);
  return Math.min(maxComparisons, Math.floor(maxComparedCharacters / characters));
}

/** Returns the fields at one path, grouped by name. Counts them, and their comparisons. */
function collectFields(sets: SelectionSetNode[], fragments: Fragments, work: ValidationWork): FieldNode[][] {
  const byName = new Map<string, FieldNode[]>();
  for (const selection of selectionsOf(sets, fragments)) {
    work.selections += weightOf(selection);
    if (work.selections > maxSelections) {
      work.excess = `The operation has more than ${maxSelections} selections, with each fragment counted wherever it is spread.`;
      return [];
    }
    if (selection.kind !== Kind.FIELD) continue;
    const name = (selection.alias ?? selection.name).value;
    byName.set(name, byName.get(name) ?? []);
    byName.get(name)?.push(selection);
  }
  const groups = [...byName.values()];
  for (const same of groups) work.comparisons += comparisonsOf(same);
  // Sibling fragment spreads are compared too. Those within them are compared only once.
  const spreads = sets.reduce((sum, set) => sum + spreadsOf(set).size, 0);
  work.comparisons += (spreads * (spreads - 1)) / 2;
  return groups;
}

/** Yields all selections of these sets with their fragments, each fragment once for each set. */
function* selectionsOf(sets: SelectionSetNode[], fragments: Fragments): Generator<SelectionNode> {
  for (const set of sets) {
    const seen = new Set<string>();
    const open = [set];
    for (const { selections } of open)
      for (const selection of selections) {
        yield selection;
        const inner = innerSetOf(selection, fragments, seen);
        if (inner !== undefined) open.push(inner);
      }
  }
}

/** Returns the selection set of a fragment. Undefined for a field, or if the fragment was seen before. */
function innerSetOf(selection: SelectionNode, fragments: Fragments, seen: Set<string>) {
  if (selection.kind === Kind.INLINE_FRAGMENT) return selection.selectionSet;
  if (selection.kind === Kind.FIELD || seen.has(selection.name.value)) return undefined;
  seen.add(selection.name.value);
  return fragments.get(selection.name.value)?.selectionSet;
}

/** Returns the names of the fragments that a set spreads directly, not through another fragment. */
function spreadsOf(set: SelectionSetNode): ReadonlySet<string> {
  const names = new Set<string>();
  const open = [set];
  for (const { selections } of open)
    for (const selection of selections) {
      if (selection.kind === Kind.FRAGMENT_SPREAD) names.add(selection.name.value);
      if (selection.kind === Kind.INLINE_FRAGMENT) open.push(selection.selectionSet);
    }
  return names;
}

/** Returns the number of comparisons of these fields, weighted by their length. */
function comparisonsOf(same: FieldNode[]): number {
  if (same.length === 1) return 0;
  const weight = same.reduce((sum, field) => sum + weightOf(field), 0);
  return ((same.length - 1) * weight) / 2;
}

/** Arguments are compared as text, so long ones count as more than one selection. */
function weightOf(selection: SelectionNode): number {
  const { loc } = selection;
  if (loc === undefined) return 1;
  const inner = selection.kind === Kind.FRAGMENT_SPREAD ? undefined : selection.selectionSet?.loc?.start;
  return 1 + Math.floor(((inner ?? loc.end) - loc.start) / charactersOfSelection);
}
