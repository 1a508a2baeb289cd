/**
 * Which output series each stored series belongs to. A partition numbers its series on its own; a query keeps those
 * whose labels pass its condition and adds up those that agree in the fields it groups by.
 */
import { OVERFLOW_LABEL, OVERFLOW_SERIES } from '../aggregate/series-index.ts';
import { AppError } from '../model/errors.ts';
import type { Label } from './answer.ts';
import { CELLS_MAX } from './limits.ts';
import type { Plan } from './plan.ts';
import type { SeriesLabels } from './ports.ts';
import type { Labels } from './where.ts';

export class SeriesGroups {
  /** Values of output series `i`, in the order of `groupBy`. */
  readonly labels: Labels[] = [];
  readonly #named: (readonly Label[])[] = [];
  readonly #plan: Plan;
  readonly #byKey = new Map<string, number>();
  readonly #outputOf = new Map<number, Int32Array>();
  /** Per partition: series up to this id are mapped. */
  readonly #mappedTo = new Map<number, number>();
  #mapped = 0;

  constructor(plan: Plan) {
    this.#plan = plan;
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

  /** Series id of the partition -> output series, -1 for one that is not wanted. */
  outputOf(partition: number): Int32Array {
    return this.#outputOf.get(partition) ?? this.#emptyMap();
  }

  /** Maps further series of a partition, by ascending id; those that are mapped already are skipped. */
  extend(partition: number, series: readonly SeriesLabels[]): void {
    let map = this.outputOf(partition);
    let mappedTo = this.#mappedTo.get(partition) ?? OVERFLOW_SERIES;
    for (const { id, labels } of series) {
      if (id <= mappedTo) continue;
      if (id >= map.length) map = grown(map, id + 1);
      map[id] = this.#outputFor(labels);
      mappedTo = id;
      this.#mapped++;
    }
    this.#outputOf.set(partition, map);
    this.#mappedTo.set(partition, mappedTo);
  }

  #emptyMap(): Int32Array {
    const map = new Int32Array(64).fill(-1);
    map[OVERFLOW_SERIES] = this.#outputFor(this.#plan.rollup.dimensions.map(() => OVERFLOW_LABEL));
    return map;
  }

  #outputFor(labels: Labels): number {
    const { keeps, groupByAt, points } = this.#plan;
    if (!keeps(labels)) return -1;
    const grouped = groupByAt.map((at) => labels[at] ?? null);
    const key = JSON.stringify(grouped);
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if ((this.labels.length + 1) * points > CELLS_MAX) {
      throw new AppError(
        'query_invalid',
        `more than ${this.labels.length} series of ${points} points match, which is too much for one answer: ` +
          'group by fewer fields, narrow "where", or use a larger step or a shorter range',
      );
    }
    this.#byKey.set(key, this.labels.length);
    return this.labels.push(grouped) - 1;
  }
}

function grown(map: Int32Array, length: number): Int32Array {
  const larger = new Int32Array(Math.max(length, map.length * 2)).fill(-1);
  larger.set(map);
  return larger;
}
