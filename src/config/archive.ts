/** Where segments go, and when. What a key of a kind of archive means is for `storage/archive` to say. */
import { bytes, DAY_MS, durationMs, MINUTE_MS, SECOND_MS } from '../model/units.ts';
import { milliseconds, size, text, yes } from './scalars.ts';
import { group } from './shapes.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

const cut = group({
  /** Log bytes that make a cut. Larger makes fewer and larger files, and takes longer from the log into the archive. */
  bytesMax: size(1 * MiB, 16 * GiB).default(bytes(256 * MiB)),
  /** What came in this long ago is cut, however little it is. Smaller makes more and smaller files. */
  ageMaxMs: milliseconds(SECOND_MS, DAY_MS).default(durationMs(10 * MINUTE_MS)),
});

export const archive = group({
  /** Without an archive events are forgotten with the log; aggregates stay. */
  enabled: yes.default(true),
  /** A directory, of this machine or mounted. By default `archive` in the data folder. */
  local: group({ dir: text('the path of a folder') }).optional(),
  cut: cut.prefault({}),
  /** What DuckDB may take while it seals segments; past it it spills to the data folder. */
  memoryBytesMax: size(64 * MiB, 64 * GiB).default(bytes(256 * MiB)),
});
