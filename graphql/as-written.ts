/** Scalars that are written as in the configuration: any plain data. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';

/**
 * What it may be is judged with the rest of what it is part of, so that all problems are told together.
 *
 * @param shown what an answer has in the place of a value
 */
export const asWritten = (
  name: string,
  shown = (value: unknown): unknown => value,
): GraphQLScalarType<unknown, unknown> =>
  new GraphQLScalarType({
    name,
    coerceOutputValue: shown,
    coerceInputValue: (value) => value,
    coerceInputLiteral: (node) => plainLiteral(node),
  });

/** Literals cannot hold variables here: a scalar is one value, given as a whole or not at all. */
export function plainLiteral(node: ValueNode): unknown {
  switch (node.kind) {
    case Kind.INT:
    case Kind.FLOAT:
      return Number(node.value);
    case Kind.STRING:
    case Kind.ENUM:
    case Kind.BOOLEAN:
      return node.value;
    case Kind.LIST:
      return node.values.map(plainLiteral);
    case Kind.OBJECT:
      return Object.fromEntries(
        node.fields.map(({ name, value }) => [name.value, plainLiteral(value)]),
      );
    case Kind.NULL:
      return null;
    case Kind.VARIABLE:
      throw new GraphQLError('give the whole value as one variable', { nodes: node });
  }
}
