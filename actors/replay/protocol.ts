/** What a replay is asked to do, and what it says of itself. Plain data: it crosses threads and is kept as JSON. */
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type { TierDifference } from './differences.ts';

export interface ReplaySpec {
  readonly id: string;
  readonly tenant: string;
  readonly stream: string;
  /** As they were declared when it was begun: it ends if they change. */
  readonly rollups: readonly RollupDefinition[];
  readonly fromMs: number;
  /** Undefined: up to now. */
  readonly toMs: number | undefined;
  /** What whoever asked should know of the range. */
  readonly notes: readonly string[];
  readonly startedMs: number;
  /** Of one core: the rest of the time it rests. */
  readonly share: number;
}

/**
 * `compared`: the difference is known, and nothing was changed; it waits to be applied. A server that starts goes on with
 * what was `running` or `applying`.
 */
export type ReplayState = 'running' | 'compared' | 'applying' | 'applied' | 'cancelled' | 'failed';

export interface ReplayRecord {
  readonly spec: ReplaySpec;
  readonly state: ReplayState;
  /** The rebuilt rollup may have fewer events than the live one: whoever asked has seen it, or does not mind. */
  readonly allowLoss: boolean;
  readonly rows: number;
  /** What there was to read when it was last looked; the log's part is not counted. */
  readonly rowsTotal: number;
  /** Before it the archive has no event of the range; undefined: that has not been looked at, or there is none at all. */
  readonly firstEventMs: number | undefined;
  /** What it took so far, rests included, since it was last begun. */
  readonly workedMs: number;
  readonly rowsPerSecond: number;
  readonly differences: readonly TierDifference[];
  /** How long partitions held still for the swap. */
  readonly heldMs: number | undefined;
  readonly finishedMs: number | undefined;
  readonly problem: string | undefined;
}

/** Per partition: all of it is committed, and nothing more will be until it is released. */
export interface HeldPartition {
  readonly position: number;
  /** -Infinity before the first event. */
  readonly watermarkMs: number;
}
