/** A state of two partitions and an archive in a folder, for tests of what goes from one to the other and back. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { beginLocalArchive, openLocalArchive } from '../../../storage/archive/local.ts';
import type { Pace } from '../../../storage/backup/digest.ts';
import type { CheckpointPart } from '../../../storage/checkpoint/checkpoint-set.ts';
import { CheckpointStore } from '../../../storage/checkpoint/checkpoint-store.ts';
import { restoreCheckpoint } from '../../../storage/checkpoint/restore.ts';
import { takeCheckpoint } from '../../../storage/checkpoint/take.ts';
import { partitionStateKey } from '../../../storage/state/keys.ts';
import { type OpenState, openState, STATE_VERSION } from '../../../storage/state/rocksdb.ts';
import { keyAfter, type StateStore } from '../../../storage/state/state.ts';
import { silent } from '../archive/silent.ts';

export const PARTITIONS = 2;
export const LOG = 'cluster/topic';
export const SETS_KEPT = 2;
const atOnce: Pace = async () => undefined;

export const text = (value: string): Uint8Array => Buffer.from(value);
export const rowKey = (partition: number, n: number): Uint8Array =>
  Buffer.concat([Buffer.of(0, partition), text(`\0\x12row ${String(n).padStart(6, '0')}`)]);

/** A partition that has committed up to `position`, with a row for each. */
export const committedTo = (partition: number, position: number) => [
  ...Array.from({ length: position }, (_, n) => ({
    key: rowKey(partition, n),
    value: text(`value ${n} of ${partition}`),
  })),
  { key: partitionStateKey(partition), value: text(String(position)) },
];
export const positionOf = (row: Uint8Array): number => Number(Buffer.from(row).toString());

export async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export async function archiveIn(folder: string): Promise<CheckpointStore> {
  const dir = join(folder, 'archive');
  await mkdir(dir, { recursive: true });
  await beginLocalArchive(dir);
  return new CheckpointStore({ archive: openLocalArchive(dir), logId: LOG, log: silent });
}

/** Rounds of a life. */
export function taker(
  store: CheckpointStore,
  state: OpenState,
  folder: string,
  life: number,
  { owned = [0, 1], isAlone = true }: { owned?: readonly number[]; isAlone?: boolean } = {},
) {
  let number = 0;
  let known: readonly CheckpointPart[] = [];
  return async (committed: readonly number[]) => {
    number += 1;
    const { set, kept } = await takeCheckpoint({
      store,
      owned: () => owned,
      ...{ chainLife: life, isAlone, sleep: async () => undefined },
      offsetBase: 0,
      turn: { life, number },
      ...{ serverVersion: '0', stateVersion: STATE_VERSION, partitions: PARTITIONS, known },
      isTouched: false,
      committed: () => committed,
      snapshot: (range) => snapshot(state, range),
      positionOf,
      workDir: join(folder, `work-${life}`),
      setsKept: SETS_KEPT,
      pace: atOnce,
      clock: { now: () => 1_000 * life + number },
    });
    known = set.parts;
    return kept;
  };
}

async function* snapshot(state: StateStore, range: Parameters<StateStore['page']>[0]) {
  for (let from = range.from; ; ) {
    const rows = await state.page({ from, to: range.to }, 1_000);
    const last = rows.at(-1);
    if (last === undefined) return;
    yield rows;
    from = keyAfter(last.key);
  }
}

export interface RestoreWanted {
  readonly life?: number;
  readonly positions?: readonly (number | undefined)[];
  readonly starts?: number;
  readonly ends?: number;
  /** Told how many bytes are still to come. */
  readonly onProgress?: (left: number) => void;
}

/** Into a state that is opened with it, as a server's start does. */
export async function restoredState(
  t: ExecutionContext,
  store: CheckpointStore,
  dir: string,
  { life = 0, positions = [], starts = 0, ends = 1_000_000, ...heard }: RestoreWanted = {},
) {
  const bounds = Array.from({ length: PARTITIONS }, () => ({ start: starts, end: ends }));
  const progress: number[] = [];
  let restored: Awaited<ReturnType<typeof restoreCheckpoint>> | undefined;
  const state = await openState({
    dir,
    partitions: PARTITIONS,
    async prepare(rows) {
      restored = await restoreCheckpoint({
        ...{ store, state: rows, local: { life, positions }, bounds },
        stateVersion: STATE_VERSION,
        workDir: `${dir}-work`,
        progress: ({ bytes, bytesInAll }) => {
          progress.push(bytesInAll - bytes);
          heard.onProgress?.(bytesInAll - bytes);
        },
        log: silent,
      });
      return 100;
    },
  });
  t.teardown(() => state.close());
  if (restored === undefined) throw new Error('nothing was prepared');
  return { state, restored, progress };
}
