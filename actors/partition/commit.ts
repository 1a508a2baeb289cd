/** Writes what a machine wants stored: the only writer of a partition's rows. */
import { type StateOp, type StateStore, scan } from '../../storage/state/state.ts';
import type { Commit } from './machine.ts';
import { amended } from './rollups.ts';

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
