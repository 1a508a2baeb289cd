/** The measure of a rule, read from the merged rows of a window: by series, as a number or NaN where there is none. */
import type { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import { DistinctTable } from '../../src/aggregate/distinct-sketch.ts';
import { EndTable } from '../../src/aggregate/end-value.ts';
import { QuantileTable } from '../../src/aggregate/quantile-sketch.ts';
import type { AlarmMeasure } from '../../src/model/alarm.ts';

/** The value of a slot. The fold must be of the rollup that the measure was compiled to: it keeps that measure alone. */
export function reader(measure: AlarmMeasure, windowMs: number): SlotReader {
  switch (measure.op) {
    case 'count':
      return ({ counts }, slot) => counts[slot] as number;
    case 'rate': {
      const seconds = windowMs / 1_000;
      if (measure.field === undefined)
        return ({ counts }, slot) => (counts[slot] as number) / seconds;
      return (fold, slot) => finite(sumOf(fold, slot) / seconds);
    }
    case 'sum':
      return (fold, slot) => finite(sumOf(fold, slot));
    case 'avg':
      return (fold, slot) => finite(sumOf(fold, slot) / (fold.scalars[0]?.n[slot] ?? 0));
    case 'min':
    case 'max': {
      const { op } = measure;
      return ({ scalars }, slot) =>
        scalars[0]?.n[slot] ? (scalars[0][op][slot] as number) : Number.NaN;
    }
    case 'distinct':
      return ({ sketches }, slot) =>
        sketches[0] instanceof DistinctTable ? Math.round(sketches[0].estimate(slot)) : 0;
    case 'first':
    case 'last':
      return ({ sketches }, slot) =>
        finite(
          (sketches[0] instanceof EndTable ? sketches[0].value(slot) : undefined) ?? Number.NaN,
        );
    case 'quantile': {
      const q = 'q' in measure ? measure.q : 0.5;
      return ({ sketches }, slot) =>
        (sketches[0] instanceof QuantileTable ? sketches[0].quantile(slot, q)?.value : undefined) ??
        Number.NaN;
    }
  }
}
export type SlotReader = (fold: BucketFold, slot: number) => number;

const sumOf = ({ scalars }: BucketFold, slot: number): number => scalars[0]?.sum[slot] ?? 0;

/** A sum that left the range of a double is its end: JSON has no infinity. NaN (0 / 0) stays: no value. */
function finite(value: number): number {
  return Math.min(Number.MAX_VALUE, Math.max(-Number.MAX_VALUE, value));
}
