/** Results written by parts, against `JSON.stringify` of the same. */
import test from 'ava';
import fc from 'fast-check';
import { type JsonText, SeriesWriter, stringifyResult } from '../../graphql/series-json.ts';

const written = (series: readonly object[]): JsonText => {
  const writer = new SeriesWriter();
  for (const each of series) writer.add(each);
  return writer.end();
};

const times = fc.array(fc.integer({ min: 0, max: 8.64e15 }));
const number = fc.double({ noNaN: true, noDefaultInfinity: true });
const columns = fc.record(
  {
    __typename: fc.constant('PointColumns'),
    t: times,
    end: times,
    values: fc.array(fc.array(fc.option(number))),
    errorBounds: fc.array(fc.array(number)),
  },
  { requiredKeys: [] },
);
const series = fc.dictionary(
  fc.string(),
  fc.oneof(
    columns,
    fc.constant(null),
    fc.string(),
    fc.array(fc.record({ name: fc.string(), value: fc.option(fc.string()) })),
    fc.array(fc.record({ t: fc.nat(), values: fc.array(fc.record({ value: fc.option(number) })) })),
  ),
  { noNullPrototype: true },
);

test('a series is written as JSON.stringify writes it', (t) => {
  fc.assert(
    fc.property(fc.array(series), (drawn) => {
      t.is(written(drawn).text, JSON.stringify(drawn));
    }),
  );
});

test('times that series share are written the same for each', (t) => {
  const shared = [1_779_000_000_000, 1_779_001_800_000];
  const drawn = [1, 2, 3].map((n) => ({ columns: { t: shared, values: [[n, null]] } }));
  t.is(written(drawn).text, JSON.stringify(drawn));
});

test('a result is written as JSON.stringify writes it, with the parts that are written already', (t) => {
  const data = fc.dictionary(
    fc.string(),
    fc.oneof(
      fc.constant(null),
      fc.array(fc.jsonValue()),
      fc.string(),
      fc.dictionary(fc.string(), fc.jsonValue(), {
        noNullPrototype: true,
      }),
    ),
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(fc.option(data), fc.array(series), (drawn, all) => {
      const result = {
        stringify: () => 'is no part of it',
        errors: drawn === null ? [{ message: 'no' }] : undefined,
        extensions: undefined,
        data: drawn,
      };
      t.is(stringifyResult(result), JSON.stringify(result));
      const root = { from: 0, series: written(all), again: written(all) };
      t.is(
        stringifyResult({ data: { ...drawn, root } }),
        JSON.stringify({ data: { ...drawn, root: { from: 0, series: all, again: all } } }),
      );
    }),
  );
  t.is(stringifyResult({ errors: [{ message: 'x' }] } as object), '{"errors":[{"message":"x"}]}');
});
