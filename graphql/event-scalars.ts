/** The scalars of single events: what a field holds, and anything. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';

type FieldValue = string | number | boolean;

function fieldValue(value: unknown): FieldValue {
  const isNumber = typeof value === 'number' && Number.isFinite(value);
  if (isNumber || typeof value === 'string' || typeof value === 'boolean') return value;
  throw new GraphQLError(
    `expected a text, a number, true or false, received ${JSON.stringify(value)}`,
  );
}

function literalValue(node: ValueNode): unknown {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.BOOLEAN:
      return node.value;
    default:
      return null;
  }
}

export const eventScalars = {
  /** Answered only. */
  JSON: new GraphQLScalarType<unknown, unknown>({
    name: 'JSON',
    coerceOutputValue: (value: unknown) => value,
  }),
  FieldValue: new GraphQLScalarType<FieldValue, FieldValue>({
    name: 'FieldValue',
    coerceOutputValue: fieldValue,
    coerceInputValue: fieldValue,
    coerceInputLiteral: (node) => fieldValue(literalValue(node)),
  }),
};
