/** What is kept in memory for questions that rollups answer. */
import { bytes } from '../model/units.ts';
import { size } from './scalars.ts';
import { group } from './shapes.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

export const timeseries = group({
  /**
   * Of answers, so that who asks again waits only for what has changed; the least recently asked go first. Larger helps many dashboards, and wide
   * ones; 0 keeps nothing.
   */
  keptBytesMax: size(0, 64 * GiB).default(bytes(64 * MiB)),
});
