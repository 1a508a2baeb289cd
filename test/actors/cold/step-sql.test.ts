/** The place of a moment among steps of any lengths, as DuckDB finds it. */
import { DuckDBInstance } from '@duckdb/node-api';
import test from 'ava';
import fc from 'fast-check';
import { stepSql } from '../../../actors/cold/step-sql.ts';
import { isFault } from '../../../src/model/errors.ts';

test('a moment is in the last step that begins at or before it', async (t) => {
  const instance = await DuckDBInstance.create(':memory:');
  t.teardown(() => instance.closeSync());
  const connection = await instance.connect();
  t.teardown(() => connection.closeSync());
  const runs = fc.array(
    fc.record({ lengthMs: fc.integer({ min: 1, max: 5 }), steps: fc.integer({ min: 1, max: 6 }) }),
    { minLength: 1, maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(runs, fc.nat({ max: 1_000 }), async (all, fromMs) => {
      const edges = [fromMs];
      for (const { lengthMs, steps } of all) {
        for (let i = 0; i < steps; i++) edges.push((edges.at(-1) as number) + lengthMs);
      }
      const toMs = edges.at(-1) as number;
      const reader = await connection.runAndReadAll(
        `SELECT (x // 1000)::INTEGER, (${stepSql(edges, 'x')})::INTEGER
         FROM (SELECT unnest(generate_series(${fromMs}000, ${toMs}000 - 1, 500)) AS x)`,
      );
      for (const [ms, place] of reader.getRows()) {
        t.is(
          place,
          edges.findLastIndex((edge) => edge <= Number(ms)),
        );
      }
    }),
    { numRuns: 40 },
  );
});

test('steps that are equally long need no comparison, even if the last is cut', (t) => {
  t.is(stepSql([500, 600, 700, 720], 'x'), '(x - 500000) // 100000');
});

test('steps that change their length all the time are refused, with what to do', (t) => {
  const edges = (pairs: number) =>
    Array.from({ length: pairs * 2 + 1 }, (_, i) => i * 500 + (i % 2));
  t.notThrows(() => stepSql(edges(1_000), 'x'));
  const error = t.throws(() => stepSql(edges(1_001), 'x'));
  t.true(isFault(error, 'query_invalid'));
  t.regex(error?.message ?? '', /there are 2001: use a "window" that is a multiple of the step/);
});
