/**
 * Brings the newest usable checkpoint of each partition into a state that lacks it: one of a new machine, or an older copy. What is
 * here and newer stays. A partition's position is written behind all of its rows: after a crash the next start finds it missing, and
 * does it again.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../src/model/logger.ts';
import { partitionRange, partitionStateKey } from '../state/keys.ts';
import type { StateStore } from '../state/state.ts';
import { isDamage, type LocalState, type LogBounds, partsFor } from './candidates.ts';
import type { CheckpointPart, CheckpointSet } from './checkpoint-set.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { readPartFile } from './part-file.ts';

export interface RestoreOptions {
  readonly store: CheckpointStore;
  readonly state: StateStore;
  readonly local: LocalState;
  /** By partition. */
  readonly bounds: readonly LogBounds[];
  readonly stateVersion: number;
  /** Emptied at the end. */
  readonly workDir: string;
  readonly progress: (progress: RestoreProgress) => void;
  readonly log: Logger;
}

/** Of what has to be fetched, as it lies in the archive. */
export interface RestoreProgress {
  readonly bytes: number;
  readonly bytesInAll: number;
}

export interface Restored {
  /** By partition: where it stands now; undefined where nothing is committed. */
  readonly positions: readonly (number | undefined)[];
  /** What was taken from the archive. */
  readonly parts: readonly CheckpointPart[];
  /** All usable ones, newest first. */
  readonly sets: readonly CheckpointSet[];
}

export async function restoreCheckpoint(options: RestoreOptions): Promise<Restored> {
  const { local, bounds, workDir } = options;
  const sets = await usableSets({ ...options, partitions: bounds.length });
  const wanted = bounds.map((of, partition) => partsFor(partition, sets, of, local));
  const bytesInAll = wanted.reduce((sum, [newest]) => sum + (newest?.bytes ?? 0), 0);
  const parts: CheckpointPart[] = [];
  const positions = bounds.map((_, partition) => local.positions[partition]);
  try {
    await mkdir(workDir, { recursive: true });
    let bytes = 0;
    for (const [partition, candidates] of wanted.entries()) {
      options.progress({ bytes, bytesInAll });
      const part = await restoreFirst(options, partition, candidates);
      bytes += candidates[0]?.bytes ?? 0;
      if (part === undefined) continue;
      positions[partition] = part.position;
      parts.push(part);
    }
    return { positions, parts, sets };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

export interface Layout {
  readonly stateVersion: number;
  readonly partitions: number;
}

/** Newest first. */
export async function usableSets({
  store,
  stateVersion,
  partitions,
  log,
}: Layout & Pick<RestoreOptions, 'store' | 'log'>): Promise<CheckpointSet[]> {
  const sets: CheckpointSet[] = [];
  for await (const set of store.sets()) {
    if (set.state === stateVersion && set.partitions === partitions) sets.push(set);
    else {
      const { life, number, state } = set;
      const text = 'a checkpoint is of another layout or number of partitions: it is passed over';
      log.warn({ life, number, state, partitions: set.partitions }, text);
    }
  }
  return sets;
}

/** The first that is as it was written; undefined if none is. */
export async function restoreFirst(
  {
    store,
    state,
    workDir,
    log,
    signal,
  }: Pick<RestoreOptions, 'store' | 'state' | 'workDir' | 'log'> & {
    readonly signal?: AbortSignal | undefined;
  },
  partition: number,
  candidates: readonly CheckpointPart[],
): Promise<CheckpointPart | undefined> {
  const localPath = join(workDir, `part-${partition}`);
  const positionKey = partitionStateKey(partition);
  const isPosition = (key: Uint8Array) => Buffer.compare(key, positionKey) === 0;
  for (const part of candidates) {
    try {
      signal?.throwIfAborted();
      await store.archive.fetch(store.paths.part(part), localPath);
      let positionRow: Uint8Array | undefined;
      // The first page comes when the whole file has been found to be as it was written.
      for await (const rows of readPartFile(localPath, part)) {
        signal?.throwIfAborted();
        if (positionRow === undefined) await state.clear(partitionRange(partition));
        positionRow ??= rows.find(({ key }) => isPosition(key))?.value;
        await state.commit(rows.filter(({ key }) => !isPosition(key)));
      }
      await state.commit([{ key: positionKey, value: positionRow }]);
      return part;
    } catch (error) {
      if (!isDamage(error)) throw error;
      log.error(
        { err: error, partition },
        'a checkpoint cannot be used: an older one is looked for',
      );
    }
  }
  return undefined;
}
