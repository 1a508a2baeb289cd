/**
 * Cuts the events of a range into slices of event time of about equal size. Rows go through a rollup in the order of their time,
 * whatever file they lie in: so hardly a bucket is open at a time, and how far a replay is, is one number. Pure.
 */
import { FUTURE_TOLERANCE_MS } from '../../src/aggregate/block-columns.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { PLAN_CELLS_MAX, SLICE_ROWS } from './limits.ts';
import type { ReplayRange } from './range.ts';

export interface Slice {
  readonly fromMs: number;
  readonly toMs: number;
}

/** When the events of a file count: at their time, or where that lay too far ahead, when they arrived. */
export function timesOf({ hourMs, tsMinMs, tsMaxMs }: SegmentFile): Slice {
  const latestMs = Math.min(tsMaxMs, hourMs + HOUR_MS + FUTURE_TOLERANCE_MS);
  return { fromMs: Math.min(tsMinMs, hourMs), toMs: latestMs + 1 };
}

export const isTouched = (file: SegmentFile, { fromMs, toMs }: ReplayRange): boolean => {
  const times = timesOf(file);
  return times.fromMs < toMs && times.toMs > fromMs;
};

/**
 * Slices that cover all of the range that these files touch, ascending. Where in a file its events lie is not known: half
 * of them are taken to be spread evenly, half to have arrived at once. So an estimate is wrong by half a file at most.
 */
export function planSlices(files: readonly SegmentFile[], range: ReplayRange): Slice[] {
  const touching = files.filter((file) => isTouched(file, range));
  if (touching.length === 0) return [];
  const times = touching.map(timesOf);
  const fromMs = times.reduce((min, each) => Math.min(min, each.fromMs), Number.POSITIVE_INFINITY);
  const toMs = times.reduce((max, each) => Math.max(max, each.toMs), 0);
  const beginMs = Math.max(range.fromMs, fromMs);
  const endMs = Math.min(range.toMs, toMs);
  const cellMs = Math.max(1_000, Math.ceil((endMs - beginMs) / PLAN_CELLS_MAX));
  const cells = new Float64Array(Math.ceil((endMs - beginMs) / cellMs) + 1);
  for (const [i, file] of touching.entries()) {
    const whole = times[i] as Slice;
    spread(cells, beginMs, cellMs, whole, file.rows / 2);
    const arrived = { fromMs: file.hourMs, toMs: file.hourMs + HOUR_MS };
    const meant = arrived.fromMs < whole.toMs ? intersection(arrived, whole) : whole;
    spread(cells, beginMs, cellMs, meant, file.rows / 2);
  }
  return cutCells(cells, beginMs, endMs, cellMs);
}

const intersection = (a: Slice, b: Slice): Slice => ({
  fromMs: Math.max(a.fromMs, b.fromMs),
  toMs: Math.min(a.toMs, b.toMs),
});

/** Adds to each cell the change of the rate there: `cutCells` sums up. */
function spread(
  changes: Float64Array,
  beginMs: number,
  cellMs: number,
  { fromMs, toMs }: Slice,
  rows: number,
): void {
  const last = changes.length - 1;
  const first = Math.floor((fromMs - beginMs) / cellMs);
  const end = Math.max(first + 1, Math.ceil((toMs - beginMs) / cellMs));
  const rate = rows / (end - first);
  const at = Math.min(last, Math.max(0, first));
  const to = Math.min(last, Math.max(0, end));
  changes[at] = (changes[at] as number) + rate;
  changes[to] = (changes[to] as number) - rate;
}

function cutCells(changes: Float64Array, beginMs: number, endMs: number, cellMs: number): Slice[] {
  const slices: Slice[] = [];
  let fromMs = beginMs;
  let rows = 0;
  let rate = 0;
  const cut = (toMs: number) => {
    const parts = Math.max(1, Math.min(Math.ceil(rows / SLICE_ROWS), toMs - fromMs));
    for (let part = 1; part <= parts; part++) {
      const partTo = part === parts ? toMs : fromMs + Math.round((toMs - fromMs) / parts);
      if (partTo > fromMs) slices.push({ fromMs, toMs: partTo });
      fromMs = Math.max(fromMs, partTo);
    }
    rows = 0;
  };
  for (let cell = 0; cell < changes.length - 1; cell++) {
    rate += changes[cell] as number;
    const cellToMs = Math.min(endMs, beginMs + (cell + 1) * cellMs);
    if (rows > 0 && rows + rate > SLICE_ROWS)
      cut(cellToMs - cellMs > fromMs ? cellToMs - cellMs : cellToMs);
    rows += rate;
  }
  if (fromMs < endMs) cut(endMs);
  return slices;
}
