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
} from 'graphql';
import type { Plugin } from 'graphql-yoga';

/*
 * How much work an operation makes to validate. GraphQL's own rules compare each two fields of one name at one place of
 * the answer, and follow each spread of a fragment: 40 KB of text could take half a second. So that work is counted
 * first, by one walk that ends as soon as it is too much, and an operation that would take it is not validated.
 */

/** Fragments that a document may define. */
export const maxFragments = 100;
/** Selections, each counted wherever its fragment is spread, and long arguments as several. */
export const maxSelections = 50_000;
/** Comparisons of two fields of one name at one place. */
export const maxComparisons = 6_000;
/** Each comparison may end in an error that reads the text to tell its line: the longer the text, the fewer. */
const maxComparedCharacters = 50_000_000;
/** Fields within fields, through fragments too. Ordinary operations may have 15; introspection has no such limit. */
const maxNesting = 200;
/** So many characters of a selection's arguments and directives count as one more selection. */
const charactersOfSelection = 32;
/** Errors of one validation. Each tells its line, for which the text is read from its start. */
const maxErrors = 20;

/** Has operations validated only if that takes little work. */
export function useBoundedValidation(): Plugin {
  return {
    onValidate({ validateFn, setValidationFn }) {
      setValidationFn((...[schema, document, rules]: Parameters<typeof validateFn>) => {
        const problem = validationProblem(document);
        if (problem === null) return validateFn(schema, document, rules, { maxErrors });
        const cycles = validateFn(schema, document, [NoFragmentCyclesRule] as ValidationRule[]);
        return cycles.length > 0 ? cycles : [problem];
      });
    },
  };
}

/** Why validating this document would take too much work; null if it would not. */
export function validationProblem(document: DocumentNode): GraphQLError | null {
  const counted = countValidationWork(document);
  if (counted.excess === null) return null;
  return new GraphQLError(counted.excess, { nodes: document.definitions.slice(0, 1) });
}

interface ValidationWork {
  selections: number;
  comparisons: number;
  /** What there is too much of; then the counting has ended early. */
  excess: string | null;
}

/** Selection sets that tell one place of the answer together. */
interface Place {
  sets: SelectionSetNode[];
  level: number;
}

type Fragments = ReadonlyMap<string, FragmentDefinitionNode>;

/** Counts what GraphQL's rules do at most; see above. */
export function countValidationWork(document: DocumentNode): ValidationWork {
  const fragments = fragmentsOf(document);
  const open = placesOf(document);
  const maxHere = allowedComparisons(document);
  const work: ValidationWork = { selections: 0, comparisons: 0, excess: null };
  if (fragments.size > maxFragments) work.excess = `The operation has more than ${maxFragments} fragments.`;

  for (let place = open.pop(); place !== undefined && work.excess === null; place = open.pop()) {
    const fields = collectFields(place.sets, fragments, work);
    open.push(...placesWithin(fields, place.level + 1));
    work.excess ??= excessOf(work, place, maxHere);
  }
  return work;
}

function excessOf({ comparisons }: ValidationWork, { level }: Place, maxHere: number): string | null {
  if (level > maxNesting) return `The operation has more than ${maxNesting} levels of fields.`;
  if (comparisons > maxHere)
    return `The operation names the same fields too often: more than ${maxHere} times two of them would have to be compared.`;
  return null;
}

const fragmentsOf = ({ definitions }: DocumentNode): Fragments =>
  new Map(
    definitions
      .filter((definition) => definition.kind === Kind.FRAGMENT_DEFINITION)
      .map((fragment) => [fragment.name.value, fragment]),
  );

/** Where comparing begins: GraphQL compares within each fragment by itself, too. */
const placesOf = ({ definitions }: DocumentNode): Place[] =>
  definitions.flatMap((definition) =>
    'selectionSet' in definition && definition.selectionSet !== undefined
      ? [{ sets: [definition.selectionSet], level: 1 }]
      : [],
  );

const placesWithin = (fields: Iterable<FieldNode[]>, level: number): Place[] =>
  [...fields]
    .map((same) => ({ sets: same.flatMap(({ selectionSet }) => selectionSet ?? []), level }))
    .filter(({ sets }) => sets.length > 0);

function allowedComparisons({ loc }: DocumentNode): number {
  const characters = Math.max(loc?.end ?? 0, 1);
  return Math.min(maxComparisons, Math.floor(maxComparedCharacters / characters));
}

/** The fields of one place, those of one name together; counts them, and how often two of them are compared. */
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
  // Fragments that are spread beside each other are compared, too; those within them only once.
  const spreads = sets.reduce((sum, set) => sum + spreadsOf(set).size, 0);
  work.comparisons += (spreads * (spreads - 1)) / 2;
  return groups;
}

/** All selections of these sets, fragments included: of each set, each fragment once. */
function* selectionsOf(sets: SelectionSetNode[], fragments: Fragments): Generator<SelectionNode> {
  for (const set of sets) {
    const seen = new Set<string>();
    const open = [set];
    for (const { selections } of open)
      for (const selection of selections) {
        yield selection;
        const beside = besideOf(selection, fragments, seen);
        if (beside !== undefined) open.push(beside);
      }
  }
}

/** What a fragment adds beside its spread; undefined if this is none, or it was seen before. */
function besideOf(selection: SelectionNode, fragments: Fragments, seen: Set<string>) {
  if (selection.kind === Kind.INLINE_FRAGMENT) return selection.selectionSet;
  if (selection.kind === Kind.FIELD || seen.has(selection.name.value)) return undefined;
  seen.add(selection.name.value);
  return fragments.get(selection.name.value)?.selectionSet;
}

/** The names of the fragments that a set spreads itself, and not only by another fragment. */
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

/** How often two of these are compared, where comparing long ones counts more. */
function comparisonsOf(same: FieldNode[]): number {
  if (same.length === 1) return 0;
  const weight = same.reduce((sum, field) => sum + weightOf(field), 0);
  return ((same.length - 1) * weight) / 2;
}

/** Arguments are compared, and looked through, as text: long ones count as more than one selection. */
function weightOf(selection: SelectionNode): number {
  const { loc } = selection;
  if (loc === undefined) return 1;
  const inner = selection.kind === Kind.FRAGMENT_SPREAD ? undefined : selection.selectionSet?.loc?.start;
  return 1 + Math.floor(((inner ?? loc.end) - loc.start) / charactersOfSelection);
}
