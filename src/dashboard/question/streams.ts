/** Which streams a choice offers. Pure. */
import type { Rollup } from '../server/answers.ts';

/** `names`: in which events have come. `events` is there also where there are none, and no rollup is of it. */
export const streamsOf = (
  rollups: readonly Rollup[],
  names: readonly string[],
): readonly string[] =>
  [...new Set(['events', ...rollups.map(({ stream }) => stream), ...names])].sort();
