export type OperationKind = 'query' | 'mutation';

/**
 * An operation that passes its variables on to one field.
 *
 * @param args the field's arguments and their types; without one, `input` is of the type that is named after the
 * field, and any other of the type String!
 * @param selection the fields to answer, in braces
 */
export function operation(kind: OperationKind, field: string, args: string, selection: string): string {
  const pairs = args.split(', ').map((arg) => arg.split(': '));
  const inputType = `${field.replace(/^./, (letter) => letter.toUpperCase())}Input!`;
  const declared = pairs.map(
    ([name, type = name === 'input' ? inputType : 'String!']) => `$${name}: ${type}`,
  );
  const passed = pairs.map(([name]) => `${name}: $${name}`);
  return `${kind}(${declared}){${field}(${passed})${selection}}`;
}

/** The arguments of every list. */
export const page = 'first: Int, after: String';

export const select = (...parts: string[]) => `{${parts.join(' ')}}`;

// What the methods answer, as types.ts tells it.

export const feature = 'id name type unitLabel unitLabelPlural metadata';
const facts = 'id name status metadata isAddon updatedAt';
const priced = `${facts} prices { id provider amount displayAmount currency interval } features`;
const granted = select(feature, 'limit resetPeriod overageEnabled');
const consumption = 'consumption { used budget overageEnabled }';

export const featureInPackages = select(feature, 'packages', select(facts));
export const wholePackage = select(priced, granted);
export const packageOnDemand = select(priced, '@include(if: $includeFeatures)', granted);
export const user = select('id billingId name email metadata');
export const subscription = select('id userId status startedAt endedAt trialEnd package', wholePackage);
export const access = `access reason ${consumption}`;
export const period = select('periodStart periodEnd', consumption);
