/**
 * Finds the events that a machine cannot apply. Trials run on machines of their own, restored from the last commit
 * and thrown away: no crash of a trial leaves a trace.
 */
import { headOf } from '../../src/model/block.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import type { StateReader } from '../../storage/state/state.ts';
import type { LeftOut } from './left-out.ts';
import { type MachineOptions, PartitionMachine } from './machine.ts';
import { loadSnapshot } from './snapshot.ts';

export interface TrialOptions {
  readonly machine: MachineOptions;
  readonly store: StateReader;
  readonly log: Logger;
}

/**
 * What to leave out of a block so that a machine which was just committed can apply it; undefined if it cannot even
 * without any row.
 */
export async function withoutPoison(
  { machine: options, store, log }: TrialOptions,
  block: LoggedBlock,
): Promise<LeftOut | undefined> {
  const { partition } = options;
  const committed = await loadSnapshot(store, partition);
  // Duplicates are never folded, so trials need not know them.
  const snapshot = { ...committed, generations: [], producers: [] };
  const holds = (rows: Uint8Array): boolean => {
    try {
      const trial = new PartitionMachine(options, snapshot);
      trial.apply(block, { rows });
      trial.takeCommit();
      return true;
    } catch {
      return false;
    }
  };
  const at = { partition, offset: block.offset, rows: headOf(block.bytes).rows };
  const poison = findPoison(at.rows, holds);
  if (poison === undefined) {
    log.error(at, 'a block could not be applied and was passed over');
    return undefined;
  }
  const events = poison.reduce((sum, row) => sum + row, 0);
  log.error({ ...at, events }, 'events that could not be applied were put among the dead letters');
  return { rows: poison, reason: 'applying this event crashed its partition repeatedly' };
}

/** Trials for one block: enough for some twenty poison rows among 65,536, seconds of work. */
const TRIALS_MAX = 400;

/**
 * Which rows to leave out so that the others can be applied, by bisection. `holds(leftOut)` tries the block without the
 * rows where `leftOut` is non-zero. All rows if no smaller set was found within the bound; undefined if the block cannot
 * be applied even without any row.
 */
export function findPoison(
  rows: number,
  holds: (leftOut: Uint8Array) => boolean,
): Uint8Array | undefined {
  const all = new Uint8Array(rows).fill(1);
  const poison = new Uint8Array(rows);
  let trials = 0;
  /** Marks the poison in `[from, to)`, which is known to crash by itself. */
  const search = (from: number, to: number): void => {
    if (to - from === 1 || trials >= TRIALS_MAX) {
      poison.fill(1, from, to);
      return;
    }
    const middle = (from + to) >>> 1;
    for (const [a, b] of [
      [from, middle],
      [middle, to],
    ] as const) {
      trials++;
      if (!holds(all.slice().fill(0, a, b))) search(a, b);
    }
  };
  if (rows > 0 && !holds(new Uint8Array(rows))) search(0, rows);
  if (holds(poison)) return poison;
  return holds(all) ? all : undefined;
}
