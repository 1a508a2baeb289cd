/** The scalars of the schema, which judge input and write output. */
import { GraphQLError, GraphQLScalarType, Kind, type ValueNode } from 'graphql';
import { parseDuration, parseLocalTime, parseTimestamp } from '../src/query/time.ts';

interface ScalarRule {
  readonly name: string;
  readonly expected: string;
  /** Undefined if the value is none. */
  readonly parse: (value: unknown) => number | undefined;
}

/** A scalar that is a number inside and outside, and may be written in other ways as input. */
function numberScalar({ name, expected, parse }: ScalarRule): GraphQLScalarType<number, number> {
  const parseOrThrow = (value: unknown): number => {
    const parsed = parse(value);
    if (parsed === undefined) {
      throw new GraphQLError(`${name} must be ${expected}, received ${JSON.stringify(value)}`);
    }
    return parsed;
  };
  return new GraphQLScalarType<number, number>({
    name,
    coerceOutputValue: parseOrThrow,
    coerceInputValue: parseOrThrow,
    coerceInputLiteral: (node) => parseOrThrow(literalValue(node)),
  });
}

function literalValue(node: ValueNode): unknown {
  if (node.kind === Kind.INT || node.kind === Kind.FLOAT) return Number(node.value);
  return node.kind === Kind.STRING ? node.value : null;
}

const parseLong = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) ? value : undefined;

export const scalars = {
  Timestamp: numberScalar({
    name: 'Timestamp',
    expected: 'epoch milliseconds or an RFC 3339 date-time such as "2026-05-01T12:00:00Z"',
    parse: parseTimestamp,
  }),
  Duration: numberScalar({
    name: 'Duration',
    expected: 'a time such as "1s", "15m", "2h", "7d", "1mo", or milliseconds',
    parse: parseDuration,
  }),
  LocalTime: numberScalar({
    name: 'LocalTime',
    expected: 'a day such as "2026-03-29" or a time such as "2026-03-29T06:30", without a zone',
    parse: parseLocalTime,
  }),
  Long: numberScalar({ name: 'Long', expected: 'a whole number up to 2^53', parse: parseLong }),
};
