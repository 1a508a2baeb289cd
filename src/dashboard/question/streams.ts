/** Which streams a choice offers. Pure. */
import type { Rollup } from '../server/answers.ts';

/** `events` is there also where no rollup is of it. */
export const streamsOf = (rollups: readonly Rollup[]): readonly string[] =>
  [...new Set(['events', ...rollups.map(({ stream }) => stream)])].sort();
