/** What a machine wants stored, and the only writer of a partition's rows. */
import { type KeyRange, type StateOp, type StateStore, scan } from '../../storage/state/state.ts';
import type { LetterChanges } from './dead-letters.ts';
import { amended, type RowMerge } from './rollups.ts';

/** All of it becomes durable at once; the ranges around it may be lost or done without harm. */
export interface Commit {
  /** The log is to be read from here after it. */
  readonly position: number;
  /** The log is needed from here: for that, and to rebuild the window of duplicates. */
  readonly neededFrom: number;
  /** To be deleted before. */
  readonly clears: readonly KeyRange[];
  readonly ops: readonly StateOp[];
  readonly merges: readonly RowMerge[];
  readonly letters: readonly LetterChanges[];
  /** To be deleted when it is written. */
  readonly sweeps: readonly KeyRange[];
}

export interface Written {
  readonly bytes: number;
  /** How many dead letters there are now, of each tenant of which some have changed. */
  readonly letters: ReadonlyMap<string, number>;
}

/**
 * Ends with the commit written, or throws with nothing of it written but perhaps the clears, which do no harm: the log
 * is read again from before what made them right.
 */
export async function writeCommit(store: StateStore, commit: Commit): Promise<Written> {
  const { clears, merges, letters, sweeps } = commit;
  for (const range of clears) await store.clear(range);
  const ops: StateOp[] = [...commit.ops];
  const stored = await store.getMany(merges.map(({ key }) => key));
  merges.forEach(({ key, bytes }, i) => {
    ops.push({ key, value: amended(stored[i], bytes) });
  });
  const counts = new Map<string, number>();
  for (const changes of letters)
    counts.set(changes.tenant, await changeLetters(store, changes, ops));
  await store.commit(ops);
  for (const range of sweeps) await store.clear(range);
  const bytes = ops.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
  return { bytes, letters: counts };
}

/** Adds what it takes to `ops`; answers how many letters there are then. */
async function changeLetters(
  store: StateStore,
  { range, countKey, stored, puts, drops, max }: LetterChanges,
  ops: StateOp[],
): Promise<number> {
  const found = await store.getMany(drops);
  const dropped = drops.filter((_, i) => found[i] !== undefined);
  const kept = stored - dropped.length;
  const excess = Math.min(kept, Math.max(0, kept + puts.length - max));
  for (const key of dropped) ops.push({ key, value: undefined });
  ops.push(...puts);
  let left = excess;
  for await (const { key } of left > 0 ? scan(store, range) : []) {
    if (dropped.some((one) => Buffer.compare(one, key) === 0)) continue;
    if (left-- === 0) break;
    ops.push({ key, value: undefined });
  }
  const count = kept + puts.length - excess;
  ops.push({ key: countKey, value: Buffer.from(JSON.stringify(count)) });
  return count;
}
