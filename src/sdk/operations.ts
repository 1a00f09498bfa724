/**
 * An operation that passes its variables on to one field.
 *
 * @param args the field's arguments and their types; those without one are of the type String!
 * @param selection the fields to answer, in braces
 */
function operation(kind: string, field: string, args: string, selection: string): string {
  const pairs = args.split(', ').map((arg) => arg.split(': '));
  const declared = pairs.map(([name, type = 'String!']) => `$${name}: ${type}`);
  const passed = pairs.map(([name]) => `${name}: $${name}`);
  return `${kind} (${declared}) { ${field}(${passed}) ${selection} }`;
}

export const query = operation.bind(undefined, 'query');
export const mutation = operation.bind(undefined, 'mutation');

/** The arguments of every list. */
export const page = 'first: Int, after: String';

export const select = (...parts: string[]) => `{ ${parts.join(' ')} }`;

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
