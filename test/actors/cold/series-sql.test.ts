import test from 'ava';
import { FieldSql } from '../../../actors/cold/field-sql.ts';
import { seriesSql } from '../../../actors/cold/series-sql.ts';
import { FUTURE_TOLERANCE_MS } from '../../../src/aggregate/block-columns.ts';

const schema = { tenant: 't', stream: 's', version: 1, columns: [] };
const question = {
  ...{ tenant: 't', stream: 's', fromMs: 0, toMs: 1e6, edges: [0, 1e6], limit: 9, scanRowsMax: 9 },
  ...{ measures: [{ op: 'count' as const }], groupBy: [] },
  orderBy: { term: { kind: 'measure' as const, at: 0 }, descending: true },
};
const source = (aheadMaxMs: number | undefined, isWithin: boolean) => ({
  ...{
    path: `${aheadMaxMs}${isWithin}`,
    shape: 'segment 1',
    isCurrent: true,
    isWithin,
    aheadMaxMs,
  },
  ...{ tsMinMs: 0, tsMaxMs: 1 },
});
const comparesArrivals = (sql: string): boolean => sql.includes('epoch_us(_arrival)');

test('arrivals are read only where an event may lie too far ahead of its own', (t) => {
  const sqlOf = (...ahead: (number | undefined)[]) =>
    [true, false].map((isWithin) => {
      const sources = ahead.map((each) => source(each, isWithin));
      return seriesSql(question, schema, sources, new FieldSql(schema));
    });
  t.false(sqlOf(-5, FUTURE_TOLERANCE_MS).some(comparesArrivals));
  t.true(sqlOf(FUTURE_TOLERANCE_MS + 1).every(comparesArrivals));
  t.true(sqlOf(undefined).every(comparesArrivals));
  t.true(sqlOf(0, undefined).every(comparesArrivals));
});
