/** One changed field as text; undefined where there was or is no value. */
export interface FieldChange {
  name: string;
  from: string | undefined;
  to: string | undefined;
  /** Its values are not stored because they are personal. */
  isWithheld: boolean;
}

interface Change {
  before: unknown;
  after: unknown;
  withheld: readonly string[];
}

const fieldsOf = (value: unknown) => new Map(Object.entries((value ?? {}) as Record<string, unknown>));

function textOf(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** How each field changed, in the order of the log. */
export function fieldChanges({ before, after, withheld }: Change): FieldChange[] {
  const [from, to] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...from.keys(), ...to.keys()])];
  return [
    ...names.map((name) => ({
      name,
      from: textOf(from.get(name)),
      to: textOf(to.get(name)),
      isWithheld: false,
    })),
    ...withheld.map((name) => ({ name, from: undefined, to: undefined, isWithheld: true })),
  ];
}

/** The readable name of an action: `updateDraftPackage` is "Update draft package". */
export function wordsOf(action: string): string {
  const words = action.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  return words.charAt(0).toUpperCase() + words.slice(1);
}
