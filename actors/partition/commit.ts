/** What a machine wants stored, and the only writer of a partition's rows. */
import { type KeyRange, type StateOp, type StateStore, scan } from '../../storage/state/state.ts';
import type { Trim } from './dead-letters.ts';
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
  readonly trims: readonly Trim[];
  /** To be deleted when it is written. */
  readonly sweeps: readonly KeyRange[];
}

/**
 * Ends with the commit written, or throws with nothing of it written but perhaps the clears, which do no harm: the log
 * is read again from before what made them right. Answers the bytes written.
 */
export async function writeCommit(store: StateStore, commit: Commit): Promise<number> {
  const { clears, merges, trims, sweeps } = commit;
  for (const range of clears) await store.clear(range);
  const ops: StateOp[] = [...commit.ops];
  const stored = await store.getMany(merges.map(({ key }) => key));
  merges.forEach(({ key, bytes }, i) => {
    ops.push({ key, value: amended(stored[i], bytes) });
  });
  for (const { range, count } of trims) {
    let left = count;
    for await (const { key } of scan(store, range)) {
      if (left-- === 0) break;
      ops.push({ key, value: undefined });
    }
  }
  await store.commit(ops);
  for (const range of sweeps) await store.clear(range);
  return ops.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}
