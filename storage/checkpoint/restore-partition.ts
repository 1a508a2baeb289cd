/**
 * One partition of a node that takes it: its newest usable checkpoint, whichever node has made it, if that is worth more than what is
 * here. What a partition knows is a function of the log, so the one that is further along has all of the others.
 */
import { mkdir, rm } from 'node:fs/promises';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { RESTORE_AHEAD_MIN } from '../limits.ts';
import type { StateStore } from '../state/state.ts';
import { type LogBounds, leadsOn, newestFirst, partsOf } from './candidates.ts';
import type { CheckpointPart } from './checkpoint-set.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { type Layout, restoreFirst, usableSets } from './restore.ts';

export interface RestorePartitionOptions extends Layout {
  readonly store: CheckpointStore;
  readonly state: StateStore;
  readonly partition: number;
  /** As they are now: a checkpoint behind `end` is of a log that has lost its end. */
  readonly bounds: LogBounds;
  /** Undefined where nothing was ever committed here. */
  readonly position: number | undefined;
  /** Of this partition alone; emptied at the end. */
  readonly workDir: string;
  /** Told how many bytes have to be fetched, before they are. */
  readonly progress: (bytes: number) => void;
  readonly log: Logger;
  /** Aborted: it rejects with the reason, and what it has brought so far counts as nothing. */
  readonly signal?: AbortSignal | undefined;
}

export interface RestoredPartition {
  /** Where it stands now; undefined where nothing is committed. */
  readonly position: number | undefined;
  /** What was taken; undefined: what is here is as good. */
  readonly part: CheckpointPart | undefined;
}

/**
 * Before the partition's thread takes it; nobody else writes its rows meanwhile. What is here stays if nothing better can be had,
 * also where the log does not lead on from it: see `refuseLost`. Rejects as the archive does.
 */
export async function restorePartition(
  options: RestorePartitionOptions,
): Promise<RestoredPartition> {
  const { partition, bounds, position, workDir, progress } = options;
  const isEnough = position !== undefined && leadsOn(position, bounds);
  const least = isEnough ? position + RESTORE_AHEAD_MIN : 0;
  const isUseful = (part: CheckpointPart) =>
    leadsOn(part.position, bounds) && part.position >= least;
  const sets = await usableSets(options);
  const candidates = newestFirst(partsOf(sets, partition)).filter(isUseful);
  const [newest] = candidates;
  if (newest === undefined) return { position, part: undefined };
  progress(newest.bytes);
  await mkdir(workDir, { recursive: true });
  try {
    const part = await restoreFirst(options, partition, candidates);
    return { position: part?.position ?? position, part };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** Throws `log_truncated` or `checkpoint_missing` if the log does not lead on from where the partition stands. */
export function refuseLost(
  {
    position = 0,
    partition,
    topic,
  }: Pick<RestoredPartition, 'position'> & {
    readonly partition: number;
    readonly topic: string;
  },
  { start, end }: LogBounds,
): void {
  if (position > end) {
    throw new AppError(
      'log_truncated',
      `partition ${partition} of the topic ${topic} was applied up to ${position}, and the topic ends at ${end}: it has lost its end, and no checkpoint is older`,
      { partition },
    );
  }
  if (position < start) {
    throw new AppError(
      'checkpoint_missing',
      `the topic ${topic} no longer has ${position} to ${start - 1} of partition ${partition}, this node lacks it, and no checkpoint has it: bring back the archive; or set checkpoints.whenMissing to goOn, and what is missing is counted nowhere`,
      { partition },
    );
  }
}
