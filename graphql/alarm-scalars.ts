/** The scalars of alarms: bounds, texts and matchers, written as in the configuration. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import type { Bound } from '../src/model/alarm.ts';
import { boundText } from '../src/model/alarm-text.ts';
import { MATCHER_ALLOWED, readMatcher } from '../src/model/matcher.ts';
import type { Matcher } from '../src/model/notification.ts';

/** As plain data; what it may be is judged with the rest of the rule, so that all problems are told together. */
const asWritten = (name: string): GraphQLScalarType<unknown, unknown> =>
  new GraphQLScalarType({
    name,
    coerceOutputValue: (value) => value,
    coerceInputValue: (value) => value,
    coerceInputLiteral: (node) => plainLiteral(node),
  });

/** Literals cannot hold variables here: a scalar is one value, given as a whole or not at all. */
function plainLiteral(node: ValueNode): unknown {
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

function matcherOf(value: unknown): Matcher {
  const matcher = readMatcher(value);
  if (matcher === undefined) {
    throw new GraphQLError(`expected ${MATCHER_ALLOWED}, received ${JSON.stringify(value)}`);
  }
  return matcher;
}

const Bounds = new GraphQLScalarType<unknown, unknown>({
  ...asWritten('Bound').toConfig(),
  coerceOutputValue: (value) => boundText(value as Bound),
});

export const alarmScalars = {
  Bound: Bounds,
  Texts: asWritten('Texts'),
  Matcher: new GraphQLScalarType<Matcher, unknown>({
    name: 'Matcher',
    /** Resolvers write them. */
    coerceOutputValue: (value) => value,
    coerceInputValue: matcherOf,
    coerceInputLiteral: (node) => matcherOf(plainLiteral(node)),
  }),
};
