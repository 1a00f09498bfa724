import { GraphQLError, Kind, type ValueNode, valueFromASTUntyped } from 'graphql';
import { DateTime } from 'luxon';

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

export const dateTime = {
  description: 'An instant as ISO 8601 text, in UTC with milliseconds, such as "2022-01-21T16:08:09.640Z".',
  serialize: (value: Date) => value.toISOString(),
  parseValue: (value: unknown) => parseDateTime(value),
  parseLiteral: (node: ValueNode) => parseDateTime(node.kind === Kind.STRING ? node.value : null, node),
};

export const json = {
  description: 'Any JSON value: an object, an array, a string, a number, a boolean or null.',
  serialize: (value: unknown) => value,
  parseValue: (value: unknown) => value,
  parseLiteral: valueFromASTUntyped,
};
