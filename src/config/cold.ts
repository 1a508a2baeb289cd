/** What questions about single events may take: those that go to the archive and the log, not to the aggregates. */
import { bytes, durationMs, HOUR_MS, MINUTE_MS, SECOND_MS, WEEK_MS } from '../model/units.ts';
import { integer, milliseconds, size } from './scalars.ts';
import { group } from './shapes.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const TiB = 2 ** 40;

/** Beside the questions: a file may take hours to be read, and nobody shall wait for it. */
const exports = group({
  /** At a time; each has a process. Further ones are refused, and one place is not for who has all others. */
  concurrency: integer(1, 64).default(3),
  /** One that has not been read to its end by then is broken off. */
  timeoutMs: milliseconds(MINUTE_MS, WEEK_MS).default(durationMs(6 * HOUR_MS)),
});

export const cold = group({
  /** Questions that are answered at a time; each has a process. Further ones wait. */
  concurrency: integer(1, 64).default(2),
  /** What DuckDB may take for one question; past it it spills to the data folder, or refuses. */
  memoryBytesMax: size(64 * MiB, 1 * TiB).default(bytes(256 * MiB)),
  /** For one question. More answer sooner, and take more from what brings events in. */
  threads: integer(1, 256).default(2),
  /** A question that is not answered by then is stopped. Files that the archive has replaced stay for a quarter of an hour. */
  timeoutMs: milliseconds(SECOND_MS, 10 * MINUTE_MS).default(durationMs(30 * SECOND_MS)),
  /** Rows of one answer. */
  rowsMax: integer(1, 1_000_000).default(10_000),
  /** Events in the files that one timeseries may read, where no rollup answers it. */
  scanRowsMax: integer(1, 1_000_000_000_000).default(50_000_000),
  /** What of the log waits to be archived and is asked for, kept as Parquet in the data folder: past it questions are refused. */
  tailBytesMax: size(64 * MiB, 1 * TiB).default(bytes(2 * GiB)),
  /** Segments of a remote archive that are kept in the data folder. */
  cacheBytesMax: size(256 * MiB, 64 * TiB).default(bytes(8 * GiB)),
  /** Events as files. */
  exports: exports.prefault({}),
});
