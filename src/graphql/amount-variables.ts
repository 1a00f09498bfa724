import {
  type ASTVisitor,
  GraphQLFloat,
  GraphQLInt,
  GraphQLNonNull,
  getNamedType,
  isNonNullType,
  type OperationDefinitionNode,
  typeFromAST,
  type ValidationContext,
  VariablesInAllowedPositionRule,
} from 'graphql';

type Usage = ReturnType<ValidationContext['getRecursiveVariableUsages']>[number];

/**
 * GraphQL's rule, but variables of type Int and Float may also stand where an Amount is expected: every Int is an amount,
 * and operations from the time when limits and deltas were Int stay valid.
 */
export function AmountVariablesRule(context: ValidationContext): ASTVisitor {
  const getRecursiveVariableUsages = (operation: OperationDefinitionNode) =>
    context.getRecursiveVariableUsages(operation).map((usage) => asNumber(usage, operation, context));
  return VariablesInAllowedPositionRule(
    Object.create(context, { getRecursiveVariableUsages: { value: getRecursiveVariableUsages } }),
  );
}

/** The usage of a variable; for a number where an amount is expected, as if the number's type were. */
function asNumber(usage: Usage, operation: OperationDefinitionNode, context: ValidationContext): Usage {
  const { node, type } = usage;
  if (!type || getNamedType(type).name !== 'Amount') return usage;
  const variable = operation.variableDefinitions?.find(
    (each) => each.variable.name.value === node.name.value,
  );
  const name = variable && getNamedType(typeFromAST(context.getSchema(), variable.type))?.name;
  const given = [GraphQLInt, GraphQLFloat].find((number) => number.name === name);
  if (given === undefined) return usage;
  return { ...usage, type: isNonNullType(type) ? new GraphQLNonNull(given) : given };
}
