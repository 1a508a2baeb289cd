/** The scalars of alarms: bounds, texts and matchers, written as in the configuration. */
import { GraphQLError, GraphQLScalarType } from 'graphql';
import type { Bound } from '../src/model/alarm.ts';
import { boundText } from '../src/model/alarm-text.ts';
import { MATCHER_ALLOWED, readMatcher } from '../src/model/matcher.ts';
import type { Matcher } from '../src/model/notification.ts';
import { asWritten, plainLiteral } from './as-written.ts';

function matcherOf(value: unknown): Matcher {
  const matcher = readMatcher(value);
  if (matcher === undefined) {
    throw new GraphQLError(`expected ${MATCHER_ALLOWED}, received ${JSON.stringify(value)}`);
  }
  return matcher;
}

export const alarmScalars = {
  Bound: asWritten('Bound', (value) => boundText(value as Bound)),
  Texts: asWritten('Texts'),
  Matcher: new GraphQLScalarType<Matcher, unknown>({
    name: 'Matcher',
    /** Resolvers write them. */
    coerceOutputValue: (value) => value,
    coerceInputValue: matcherOf,
    coerceInputLiteral: (node) => matcherOf(plainLiteral(node)),
  }),
};
