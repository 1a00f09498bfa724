import { GraphQLError, Kind, type ValueNode, valueFromASTUntyped } from 'graphql';
import { DateTime } from 'luxon';
import { type Amount, numberOf } from '../amount.ts';
import { readNumber } from '../exact-json.ts';

function parseDateTime(value: unknown, node?: ValueNode): Date {
  const instant = typeof value === 'string' ? DateTime.fromISO(value, { zone: 'utc' }) : null;
  if (!instant?.isValid || instant.year < 0 || instant.year > 9999) {
    throw new GraphQLError('DateTime must be an ISO 8601 string such as "2022-01-21T16:08:09.640Z".', {
      nodes: node,
      extensions: { code: 'BAD_USER_INPUT' },
    });
  }
  return instant.toJSDate();
}

/** Plans need not call it. */
export const asItIs = (value: unknown): unknown => value;

export const dateTime = {
  description: 'An instant as ISO 8601 text, in UTC with milliseconds, such as "2022-01-21T16:08:09.640Z".',
  specifiedByURL: 'https://scalars.graphql.org/andimarek/date-time.html',
  serialize: (value: Date) => value.toISOString(),
  parseValue: (value: unknown) => parseDateTime(value),
  parseLiteral: (node: ValueNode) => parseDateTime(node.kind === Kind.STRING ? node.value : null, node),
};

/** Like valueFromASTUntyped, but keeps numbers exact. */
function valueOfLiteral(node: ValueNode, variables?: Record<string, unknown> | null): unknown {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return readNumber(node.value);
    case Kind.LIST:
      return node.values.map((item) => valueOfLiteral(item, variables));
    case Kind.OBJECT:
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [name.value, valueOfLiteral(value, variables)]),
      );
    default:
      return valueFromASTUntyped(node, variables);
  }
}

export const json = {
  description: 'Any JSON value: an object, an array, a string, a number, a boolean or null.',
  specifiedByURL: 'https://www.rfc-editor.org/rfc/rfc8259',
  serialize: asItIs,
  parseValue: asItIs,
  parseLiteral: valueOfLiteral,
};

/**
 * Takes any value: what an amount may be is checked with its field, so that one bad amount in a list of usages does not
 * fail the others.
 */
export const amount = {
  description:
    'A decimal number, exact: at most 15 significant digits, and as many digits after the point as the `precision` of the feature allows. Totals of more than 15 digits are rounded.',
  serialize: (value: Amount | number) => (typeof value === 'bigint' ? numberOf(value) : value),
  parseValue: asItIs,
  parseLiteral: valueOfLiteral,
};
