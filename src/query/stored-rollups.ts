/** The committed rollups, read from the state store. */
import { loadHead } from '../../actors/partition/snapshot.ts';
import {
  bucketOfRollupRow,
  rollupRowRange,
  seriesIdOf,
  seriesRange,
} from '../../storage/state/keys.ts';
import { decodeSeriesLabels } from '../../storage/state/rows.ts';
import { readRanges, type StateReader, scan } from '../../storage/state/state.ts';
import { identityOf } from '../model/rollup.ts';
import type { RowScan, RowScans, RowWriteCounts, SeriesLabels, StoredRollups } from './ports.ts';

/** Later than all of them: times are 48 bits. */
const TIME_END_MS = 2 ** 48 - 1;

export const storedRollups = (state: StateReader, writes?: RowWriteCounts): StoredRollups => ({
  writes,

  async scanRows(at: RowScan, visit: (bucketMs: number, row: Uint8Array) => void): Promise<void> {
    const range = rollupRowRange(at, Math.max(0, at.fromMs), at.toMs);
    for await (const { key, value } of scan(state, range)) {
      visit(bucketOfRollupRow(key), value);
    }
  },

  scans(all: readonly RowScan[]): RowScans {
    const ranges = all.map((at) => rollupRowRange(at, Math.max(0, at.fromMs), at.toMs));
    const read = readRanges(state, ranges);
    return {
      async visit(place, visit) {
        for await (const rows of read.rows(place)) {
          for (const { key, value } of rows) visit(bucketOfRollupRow(key), value);
        }
      },
      close: () => read.close(),
    };
  },

  async firstBucketMs(at): Promise<number | undefined> {
    const [row] = await state.page(rollupRowRange({ ...at, group: 0 }, 0, TIME_END_MS), 1);
    return row && bucketOfRollupRow(row.key);
  },

  async series(partition, tenant, rollup, afterId): Promise<readonly SeriesLabels[]> {
    const series: SeriesLabels[] = [];
    for await (const { key, value } of scan(
      state,
      seriesRange(partition, tenant, rollup, afterId),
    )) {
      series.push({ id: seriesIdOf(key), labels: decodeSeriesLabels(value) });
    }
    return series;
  },

  async watermarkMs(partition, rollup): Promise<number | undefined> {
    const head = await loadHead(state, partition);
    const stored = head?.definitions?.rollups.find(({ name }) => name === rollup.name);
    if (stored === undefined || identityOf(stored) !== identityOf(rollup)) return undefined;
    return head?.state.watermarkMs;
  },
});
