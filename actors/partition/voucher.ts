/**
 * Verdicts of partitions that may come to another node at any moment, where they are less far for a while: a verdict that is not there
 * yet looks like one that nothing was dropped. So verdicts are believed if whoever has the partition was far enough before they were
 * read, and has it still when they were.
 */
import { AppError } from '../../src/model/errors.ts';
import type { Offset } from '../../src/model/units.ts';
import { partitionStateKey } from '../../storage/state/keys.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { decodePartitionState } from './snapshot.ts';

export interface Vouched {
  /** Their verdicts up to the ends that were asked for may be read. */
  readonly partitions: ReadonlySet<number>;
  /** Why those of another one may not, just now. */
  readonly fault: AppError | undefined;
  /** Whether all that was read of them until now may be believed. */
  holds(): Promise<boolean>;
}

export interface Voucher {
  vouch(to: ReadonlyMap<number, Offset>): Promise<Vouched>;
}

/** Of a server that has all partitions. */
export const ownVoucher: Voucher = {
  vouch: async (to) => ({
    partitions: new Set(to.keys()),
    fault: undefined,
    holds: async () => true,
  }),
};

/**
 * `stays` says of partitions who has them: another text means another node, or this one another time; undefined, nobody. `state` reads
 * rows of each where it is.
 */
export function voucherOf(
  state: StateReader,
  stays: (partitions: readonly number[]) => Promise<readonly (string | undefined)[]>,
): Voucher {
  return {
    async vouch(to) {
      const asked = [...to];
      const before = await stays([...to.keys()]);
      const faults = await Promise.all(
        asked.map(([partition, end], i) =>
          before[i] === undefined ? ON_ITS_WAY : faultOf(state, partition, end),
        ),
      );
      const vouched = asked.flatMap(([partition], i) =>
        faults[i] === undefined ? [{ partition, stay: before[i] }] : [],
      );
      const partitions = vouched.map(({ partition }) => partition);
      return {
        partitions: new Set(partitions),
        fault: faults.find((fault) => fault !== undefined),
        async holds() {
          const now = await stays(partitions);
          return vouched.every(({ stay }, i) => stay === now[i]);
        },
      };
    },
  };
}

const ON_ITS_WAY = new AppError(
  'partition_elsewhere',
  'a partition is on its way to another node: ask again in some seconds',
);

/** Undefined if whoever has the partition has committed everything before `end`. */
async function faultOf(
  state: StateReader,
  partition: number,
  end: number,
): Promise<AppError | undefined> {
  try {
    const [row] = await state.getMany([partitionStateKey(partition)]);
    const position = row === undefined ? 0 : decodePartitionState(row).position;
    return position >= end ? undefined : ON_ITS_WAY;
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
}
