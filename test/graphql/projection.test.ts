import test from 'ava';
import { execute, parse, validate } from 'graphql';
import { asksForSchema } from '../../graphql/projection.ts';
import { executedSchema, schema } from '../../graphql/schema.ts';
import { stringifyResult } from '../../graphql/series-json.ts';

const answer = {
  fromMs: 0,
  toMs: 120_000,
  stepMs: 60_000,
  rollup: 'by_type',
  resolutionMs: 60_000,
  watermarkMs: 120_000,
  complete: true,
  restated: false,
  missingPartitions: [],
  seriesFound: 2,
  names: ['a', 'b', 'c', 'd'],
  series: ['a', null].map((value) => ({
    labels: [{ name: 'type', value }],
    ...(value === 'a' && {
      compared: [{ t: 60_000, before: 0, values: new Array(4).fill({ value: 1, errorBound: 0 }) }],
    }),
    points: [0, 60_000].map((t) => ({
      t,
      end: t + 60_000,
      values: [
        { value: t + 1, errorBound: 0 },
        { value: null, errorBound: 0.5 },
        { value: 2, errorBound: 0, entries: [{ value: 'x', count: 2, error: 1 }] },
        { value: 3, errorBound: 0, buckets: [{ from: null, to: 7.5, count: 3, errorBound: 1 }] },
      ],
    })),
  })),
};

const run = async (executed: typeof schema, document: string, variableValues = {}) => {
  const result = await execute({
    schema: executed,
    document: parse(document),
    variableValues,
    contextValue: {
      access: { tenant: 'default' },
      services: { queries: { timeseries: async () => answer } },
    },
  });
  return JSON.parse(stringifyResult(result));
};

const SELECTIONS = [
  'points { values { entries { value error __typename } value } }',
  'points { values { value buckets { __typename to n: count from } } }',
  'labels { name value } points { t values { value errorBound } }',
  'points { values { value } t }',
  '__typename labels { __typename name } points { kind: __typename at: t values { __typename } }',
  'first: points { t } second: points { values { v: value } }',
  'points { t } points { values { value } } ...on Series { points { values { errorBound } } }',
  '...parts labels @skip(if: $yes) { value } points @include(if: $no) { t }',
  'columns { __typename at: t end values } again: columns { errorBounds }',
  'compared { before } comparedColumns { __typename t before values errorBounds }',
  'columns { t } ...on Series { columns { values @skip(if: $yes) end @include(if: $no) } }',
  'labels { name @include(if: $yes) value @skip(if: $yes) }',
];

for (const selection of SELECTIONS) {
  test(`cut to { ${selection} }, a series is what graphql-js makes of it`, async (t) => {
    const spread = selection.includes('...parts');
    const fragment = spread ? 'fragment parts on Series { labels { name } }' : '';
    const no = selection.includes('$no') ? ', $no: Boolean = false' : '';
    const variables = selection.includes('$') ? `($yes: Boolean!${no})` : '';
    const document = `query ${variables} { timeseries(measures: [{op: count}]) {
      watermark series { ${selection} } again: series { ${selection} } } } ${fragment}`;
    t.deepEqual(validate(schema, parse(document)), []);
    const expected = await run(schema, document, { yes: true });
    t.is(expected.errors, undefined);
    t.deepEqual(await run(executedSchema, document, { yes: true }), expected);
  });
}

test('who asks for the schema is answered by the public one', (t) => {
  t.true(asksForSchema(parse('{ __schema { types { name } } }')));
  t.true(
    asksForSchema(
      parse('{ ...a } fragment a on Query { ... { __type(name: "Series") { name } } }'),
    ),
  );
  t.false(asksForSchema(parse('{ timeseries { __typename series { __typename } } }')));
});
