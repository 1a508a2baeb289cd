/**
 * Which output series each stored series belongs to. A partition numbers its series on its own; a query keeps those
 * whose labels pass its condition and adds up those that agree in the fields it groups by. An output series has a slot for
 * each condition of the query, one after the other, into which what that condition keeps is merged.
 */
import { SLOTS_MAX } from '../aggregate/bucket-fold.ts';
import { OVERFLOW_LABEL, OVERFLOW_SERIES } from '../aggregate/series-index.ts';
import { AppError } from '../model/errors.ts';
import type { Label } from './answer.ts';
import { CELLS_MAX } from './limits.ts';
import type { Plan } from './plan.ts';
import type { SeriesLabels } from './ports.ts';
import type { Labels } from './where.ts';

/** Equal for equal values of the fields that are grouped by. */
export const groupKey = (labels: Labels): string => JSON.stringify(labels);

export class SeriesGroups {
  /** Values of output series `i`, in the order of `groupBy`. */
  readonly labels: Labels[] = [];
  readonly #named: (readonly Label[])[] = [];
  readonly #plan: Plan;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #byKey = new Map<string, number>();
  readonly #slotsOf = new Map<number, readonly Int32Array[]>();
  /** Per partition: series up to this id are mapped. */
  readonly #mappedTo = new Map<number, number>();
  #mapped = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#only = plan.only && new Set(plan.only.map(groupKey));
  }

  /** As answers show them; the same object each time. */
  namedLabels(output: number): readonly Label[] {
    this.#named[output] ??= this.#plan.groupBy.map((name, i) => ({
      name,
      value: this.labels[output]?.[i] ?? null,
    }));
    return this.#named[output];
  }

  /** Stored series that have been mapped so far, of all partitions. */
  get mapped(): number {
    return this.#mapped;
  }

  /** Per condition: series id of the partition -> slot of the output series, -1 for one that is not wanted. */
  slotsOf(partition: number): readonly Int32Array[] {
    return this.#slotsOf.get(partition) ?? this.#emptyMaps();
  }

  /** Maps further series of a partition, by ascending id; those that are mapped already are skipped. */
  extend(partition: number, series: readonly SeriesLabels[]): void {
    let maps = this.slotsOf(partition);
    let mappedTo = this.#mappedTo.get(partition) ?? OVERFLOW_SERIES;
    for (const { id, labels } of series) {
      if (id <= mappedTo) continue;
      if (id >= (maps[0] as Int32Array).length) maps = maps.map((map) => grown(map, id + 1));
      this.#map(maps, id, labels);
      mappedTo = id;
      this.#mapped++;
    }
    this.#slotsOf.set(partition, maps);
    this.#mappedTo.set(partition, mappedTo);
  }

  /** Of the plan that is answered, which may have more points than the one before. Throws `query_invalid`. */
  checkRoom({ points, cellsPerPoint, conditions }: Plan): void {
    const seriesMax = Math.floor(CELLS_MAX / (points * cellsPerPoint * conditions.length));
    if (this.labels.length > seriesMax) throw tooManySeries(seriesMax, points);
  }

  #emptyMaps(): readonly Int32Array[] {
    const { conditions, rollup } = this.#plan;
    const maps = conditions.map(() => new Int32Array(64).fill(-1));
    const overflow = rollup.dimensions.map(() => OVERFLOW_LABEL);
    this.#map(maps, OVERFLOW_SERIES, overflow);
    return maps;
  }

  #map(maps: readonly Int32Array[], id: number, labels: Labels): void {
    const { conditions } = this.#plan;
    if (conditions[0]?.keeps(labels) !== true) return;
    const output = this.#outputFor(labels);
    if (output === undefined) return;
    const firstSlot = output * conditions.length;
    for (const [i, { keeps }] of conditions.entries()) {
      if (i === 0 || keeps(labels)) (maps[i] as Int32Array)[id] = firstSlot + i;
    }
  }

  /** Undefined: it is not wanted. */
  #outputFor(labels: Labels): number | undefined {
    const { conditions, groupByAt, points } = this.#plan;
    const grouped = groupByAt.map((at) => labels[at] ?? null);
    const key = groupKey(grouped);
    if (this.#only?.has(key) === false) return undefined;
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const slots = (this.labels.length + 1) * conditions.length;
    if (slots > SLOTS_MAX) throw tooManySeries(this.labels.length, points);
    this.#byKey.set(key, this.labels.length);
    return this.labels.push(grouped) - 1;
  }
}

const tooManySeries = (seriesMax: number, points: number): AppError =>
  new AppError(
    'query_invalid',
    `more than ${seriesMax} series of ${points} points match, which is too much for one answer: ` +
      'group by fewer fields, narrow "where", ask for measures with fewer conditions of their own, or use a larger step or a shorter range',
  );

function grown(map: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(Math.max(length, map.length * 2)).fill(-1);
  larger.set(map);
  return larger;
}
