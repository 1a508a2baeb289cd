/** The committed rows of the state store, as queries read them. */
import {
  parseRollupRowKey,
  rollupRowRange,
  seriesIdOf,
  seriesRange,
} from '../../storage/state/keys.ts';
import { decodeSeriesLabels } from '../../storage/state/rows.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import type { StoredRollups } from './ports.ts';

/** `committedWatermarkMs`: of a partition, lateness not subtracted; -Infinity before its first commit. */
export function storedRollups(
  state: StateReader,
  committedWatermarkMs: (partition: number) => Promise<number>,
): StoredRollups {
  return {
    async scanRows(at, visit) {
      for await (const { key, value } of scan(state, rollupRowRange(at, at.fromMs, at.toMs))) {
        visit(parseRollupRowKey(key).bucketMs, value);
      }
    },
    async series(partition, tenant, rollup, afterId) {
      const series = [];
      for await (const { key, value } of scan(
        state,
        seriesRange(partition, tenant, rollup, afterId),
      )) {
        series.push({ id: seriesIdOf(key), labels: decodeSeriesLabels(value) });
      }
      return series;
    },
    watermarkMs: committedWatermarkMs,
  };
}
