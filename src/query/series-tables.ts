/** The committed label tables, kept in memory: series only ever get added, so a table is read once and then extended. */
import type { RollupDefinition } from '../model/rollup.ts';
import { SERIES_CACHED_MAX } from './limits.ts';
import type { SeriesLabels, StoredRollups } from './ports.ts';

interface Table {
  readonly rollup: RollupDefinition;
  readonly series: readonly SeriesLabels[];
  /** How often series had been written, and cleared, before these were read; undefined where nobody counts. */
  readonly writes: number | undefined;
  readonly clears: number | undefined;
}

export class SeriesTables {
  readonly #stored: StoredRollups;
  /** In the order of use, the least recent first. */
  readonly #tables = new Map<string, Table>();
  #cached = 0;

  constructor(stored: StoredRollups) {
    this.#stored = stored;
  }

  /** All committed series of a rollup in a partition, by ascending id. */
  async read(
    partition: number,
    tenant: string,
    rollup: RollupDefinition,
  ): Promise<readonly SeriesLabels[]> {
    const key = `${partition}/${tenant}/${rollup.name}`;
    const known = this.#tables.get(key);
    const clears = this.#stored.writes?.clears();
    const writes = this.#stored.writes?.ofSeries(partition, tenant, rollup.name);
    // A rollup that was declared anew counts its series anew.
    const isKnown = known?.rollup === rollup && known.clears === clears;
    if (isKnown && writes !== undefined && known.writes === writes) {
      this.#put(key, known);
      return known.series;
    }
    const series = isKnown ? known.series : [];
    const afterId = series.at(-1)?.id ?? 0;
    const added = await this.#stored.series(partition, tenant, rollup.name, afterId);
    const table = {
      rollup,
      series: added.length === 0 ? series : [...series, ...added],
      writes,
      clears,
    };
    this.#put(key, table);
    return table.series;
  }

  #put(key: string, table: Table): void {
    this.#cached += table.series.length - (this.#tables.get(key)?.series.length ?? 0);
    this.#tables.delete(key);
    this.#tables.set(key, table);
    for (const [oldest, { series }] of this.#tables) {
      if (this.#cached <= SERIES_CACHED_MAX) break;
      this.#tables.delete(oldest);
      this.#cached -= series.length;
    }
  }
}
