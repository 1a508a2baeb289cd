/** Which fields a choice offers: those that a rollup keeps, which are answered at once and live, and all others of the stream. Pure. */
import type { FieldStatistics, Rollup } from '../server/answers.ts';

export interface OfferedFields {
  readonly kept: readonly string[];
  readonly others: readonly string[];
}

export const OPS = [
  'count',
  'rate',
  'sum',
  'avg',
  'min',
  'max',
  'quantile',
  'distinct',
  'first',
  'last',
  'top',
] as const;

/** By what is asked for: the measures of rollups that answer it. */
const KEPT_AS: ReadonlyMap<string, readonly string[]> = new Map([
  ['rate', ['sum', 'avg']],
  ['avg', ['sum', 'avg']],
]);

/** Of any kind; all others are of numbers. */
const OF_ANY = ['distinct', 'top'];

export function fieldsForMeasure(
  op: string,
  rollups: readonly Rollup[],
  fields: readonly FieldStatistics[],
): OfferedFields {
  const ops = KEPT_AS.get(op) ?? [op];
  const kept = rollups.flatMap(({ measures }) =>
    measures.flatMap((measure) => (ops.includes(measure.op) ? (measure.field ?? []) : [])),
  );
  const fit = fields.filter(
    ({ types }) => OF_ANY.includes(op) || types.some(({ type }) => type === 'number'),
  );
  return apart(kept, fit);
}

/** To group by, or to put conditions on. */
export const fieldsForLabels = (
  rollups: readonly Rollup[],
  fields: readonly FieldStatistics[],
): OfferedFields =>
  apart(
    rollups.flatMap(({ dimensions }) => dimensions),
    fields,
  );

function apart(kept: readonly string[], fields: readonly FieldStatistics[]): OfferedFields {
  const first = new Set(kept);
  return {
    kept: [...first].sort(),
    others: fields
      .map(({ name }) => name)
      .filter((name) => !first.has(name))
      .sort(),
  };
}
