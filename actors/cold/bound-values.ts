/** The types of values that are handed over apart from a statement's text. */
import type { DuckDBType } from '@duckdb/node-api';
import type { Value } from './questions.ts';

/**
 * Whole numbers past 2^53 are doubles as all others: DuckDB's own choice would be integers, which end at 2^63. `duck` is the
 * module itself: whoever imports this need not load it.
 */
export const typesOf = (
  { VARCHAR, BOOLEAN, BIGINT, DOUBLE }: typeof import('@duckdb/node-api'),
  values: readonly Value[],
): DuckDBType[] =>
  values.map((value) => {
    if (typeof value === 'string') return VARCHAR;
    if (typeof value === 'boolean') return BOOLEAN;
    return Number.isSafeInteger(value) ? BIGINT : DOUBLE;
  });
