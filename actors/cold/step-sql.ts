/** Which step an event lies in, as SQL: steps of a calendar are not equally long, but runs of them are. */

import { AppError } from '../../src/model/errors.ts';
import { STEP_RUNS_MAX } from './limits.ts';

interface Run {
  /** Place of its first step. */
  readonly first: number;
  readonly beginMs: number;
  readonly lengthMs: number;
}

/**
 * The place of the step that has the moment `micros`, an expression. `edges` are where steps begin, ascending, and where the last one ends.
 * As many comparisons an event as the logarithm of how often the length of steps changes. Throws `query_invalid` if that is too often.
 */
export function stepSql(edges: readonly number[], micros: string): string {
  const runs = runsOf(edges);
  if (runs.length <= STEP_RUNS_MAX) return choice(runs, micros);
  throw new AppError(
    'query_invalid',
    `single events are counted by at most ${STEP_RUNS_MAX} changes of the length of steps, and there are ${runs.length}: ` +
      'use a "window" that is a multiple of the step, a larger step or a shorter range',
  );
}

function choice(runs: readonly Run[], micros: string): string {
  const middle = runs.length >>> 1;
  const { first, beginMs, lengthMs } = runs[middle] as Run;
  if (runs.length > 1) {
    const [before, behind] = [runs.slice(0, middle), runs.slice(middle)];
    return `CASE WHEN ${micros} < ${beginMs}000 THEN ${choice(before, micros)} ELSE ${choice(behind, micros)} END`;
  }
  const place = `(${micros} - ${beginMs}000) // ${lengthMs}000`;
  return first === 0 ? place : `${first} + ${place}`;
}

function runsOf(edges: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (let first = 0; first < edges.length - 1; first++) {
    const beginMs = edges[first] as number;
    const lengthMs = (edges[first + 1] as number) - beginMs;
    const run = runs.at(-1);
    // The last step may be cut: what would lie behind it is not asked for.
    const isLast = first === edges.length - 2;
    const goesOn =
      run !== undefined && (lengthMs === run.lengthMs || (isLast && lengthMs < run.lengthMs));
    if (!goesOn) runs.push({ first, beginMs, lengthMs });
  }
  return runs;
}
