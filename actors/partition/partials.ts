/** What a follower of frozen rollups is told: the closed rows of one rollup that it does not have yet, within bounds. */
import type { RollupState } from '../../src/aggregate/rollup.ts';
import type { PartialsAnswer, PartialsAsk, RollupRow, SeriesLabels } from './protocol.ts';

/** Of one reply, in sum: a message that takes some milliseconds to copy. What has no room comes with the next. */
const ROW_BYTES_MAX = 4 * 1024 * 1024;
const SERIES_MAX = 20_000;

/** What is left of the bounds while a reply is put together. */
export class ReplyRoom {
  rowBytes = ROW_BYTES_MAX;
  series = SERIES_MAX;
}

/** The part that depends on the rows: `closedToMs` is lowered to what there was room for. */
export function closedPart(
  state: RollupState,
  { tenant, rollup, fromMs, afterSeries }: PartialsAsk,
  closedToMs: number,
  room: ReplyRoom,
): Pick<PartialsAnswer, 'closedToMs' | 'rowsFromMs' | 'rows' | 'series' | 'seriesCount'> {
  const series: SeriesLabels[] = state.seriesAfter(afterSeries, room.series);
  room.series -= series.length;
  const { seriesCount } = state;
  const rows: RollupRow[] = [];
  const { closedFromMs: rowsFromMs } = state;
  const stepMs = state.definition.resolutions[0]?.stepMs ?? 1;
  // Rows, stored ones too, are no use before all of their series have labels.
  if (afterSeries + series.length < seriesCount) {
    return { closedToMs: Math.min(closedToMs, fromMs), rowsFromMs, rows, series, seriesCount };
  }
  for (const bucket of state.closedSince(fromMs)) {
    const { bucketMs } = bucket;
    if (room.rowBytes <= 0) return { closedToMs: bucketMs, rowsFromMs, rows, series, seriesCount };
    bucket.rows.forEach((row, group) => {
      if (row === undefined) return;
      room.rowBytes -= row.byteLength;
      rows.push({ tenant, rollup, stepMs, group, bucketMs, bytes: ownMemory(row) });
    });
  }
  return { closedToMs, rowsFromMs, rows, series, seriesCount };
}

/** A message copies the whole memory below a view: a row that was read from the store lies among others. */
const ownMemory = (row: Uint8Array): Uint8Array =>
  row.byteLength === row.buffer.byteLength ? row : Uint8Array.from(row);
