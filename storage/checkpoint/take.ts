/**
 * Brings the committed state into the archive, a part for each partition. Each part is as of a snapshot of its own that RocksDB takes
 * without stopping anybody: a partition's rows are a function of the log up to the position among them, so parts of different moments
 * belong together. A set that names them all is created last; until then they are nobody's.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Pace } from '../backup/digest.ts';
import { SERVER_CHANGES_DELAY_MS, SERVER_PART_WAIT_MS } from '../limits.ts';
import { partitionRange, partitionStateKey } from '../state/keys.ts';
import type { KeyRange, StateRow } from '../state/state.ts';
import { readChange } from './change-chain.ts';
import {
  CHECKPOINT_FORMAT,
  type CheckpointPart,
  type CheckpointSet,
  type PartName,
  type Turn,
} from './checkpoint-set.ts';
import type { CheckpointStore } from './checkpoint-store.ts';
import { writePartFile } from './part-file.ts';
import { decodeSequence, sequenceKey, serverRows } from './server-rows.ts';

export interface TakeOptions {
  readonly store: CheckpointStore;
  readonly offsetBase: number;
  /** Claimed, and the first round of it with this number. */
  readonly turn: Turn;
  readonly serverVersion: string;
  readonly stateVersion: number;
  readonly partitions: number;
  /** Of whom rows are taken: those that this server has now, and the server's own if it writes the chain of their changes in that life. */
  readonly owned: () => readonly number[];
  readonly chainLife: number | undefined;
  /** Whoever begins a later life takes the place of this server; of several nodes nobody does. */
  readonly isAlone: boolean;
  /** Of the newest set of this life, or what this life has gone on from. */
  readonly known: readonly CheckpointPart[];
  /** Whether a partition has to be read although its position is that of its known part. */
  readonly isTouched: boolean;
  /** How far each partition has committed, as of now. */
  readonly committed: () => readonly number[];
  /** All rows of a range as of the first page. */
  readonly snapshot: (range: KeyRange) => AsyncIterable<readonly StateRow[]>;
  /** Of the row that says how far a partition is. */
  readonly positionOf: (row: Uint8Array) => number;
  /** Of this server alone; emptied at the end. */
  readonly workDir: string;
  readonly setsKept: number;
  readonly pace: Pace;
  readonly sleep: (ms: number) => Promise<unknown>;
  readonly clock: Clock;
}

export interface TakenSet {
  readonly set: CheckpointSet;
  /** Of all servers. */
  readonly kept: readonly CheckpointSet[];
}

/** Rejects with `archive_fenced` if another server has begun a later life. */
export async function takeCheckpoint(options: TakeOptions): Promise<TakenSet> {
  const { store, turn, workDir, partitions } = options;
  if (options.isAlone) await refuseSuperseded(store, turn);
  await mkdir(workDir, { recursive: true });
  try {
    const takenMs = options.clock.now();
    const committed = options.committed();
    const parts: CheckpointPart[] = [];
    for (const partition of options.owned()) {
      const known = options.known.find(({ part }) => part === partition);
      const isIdle = known?.position === committed[partition] && !options.isTouched;
      const part = isIdle ? known : await takePart(options, partition);
      if (part !== undefined) parts.push(part);
    }
    const server = await takeServer(options);
    if (server !== undefined) parts.push(server);
    if (options.isAlone) await refuseSuperseded(store, turn);
    const set: CheckpointSet = {
      format: CHECKPOINT_FORMAT,
      log: store.logId,
      offsetBase: options.offsetBase,
      ...turn,
      server: options.serverVersion,
      state: options.stateVersion,
      partitions,
      takenMs,
      parts,
    };
    if (!(await store.add(set))) throw superseded(store, turn.life);
    const kept = await store.tidy(options.setsKept);
    // One that was known may have been removed by another node, which found newer ones.
    return { set: { ...set, parts: await store.present(parts) }, kept };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/**
 * Undefined: this server does not write the chain, or the archive does not have it. The rows say the number of the change that has the
 * last of them. Only once that change is there, and this server's own, the part is named: it may have rows that otherwise nobody
 * has heard of, and whoever goes on from there would not know where they come from.
 */
async function takeServer(options: TakeOptions): Promise<CheckpointPart | undefined> {
  const { store, chainLife, sleep } = options;
  if (chainLife === undefined) return undefined;
  const part = await takePart(options, 'server');
  for (let waitedMs = 0; part !== undefined; waitedMs += SERVER_CHANGES_DELAY_MS) {
    const change = await readChange(store, part.position + 1);
    if (change?.life === chainLife) return part;
    if (change !== undefined || waitedMs >= SERVER_PART_WAIT_MS) return undefined;
    await sleep(SERVER_CHANGES_DELAY_MS);
  }
  return undefined;
}

/** Undefined: nothing was ever committed. */
async function takePart(
  { store, turn, workDir, snapshot, positionOf, pace, clock }: TakeOptions,
  part: PartName,
): Promise<CheckpointPart | undefined> {
  const takenMs = clock.now();
  const positionKey = part === 'server' ? sequenceKey() : partitionStateKey(part);
  let position: number | undefined;
  async function* pages(): AsyncGenerator<readonly StateRow[]> {
    const range = part === 'server' ? serverRows() : partitionRange(part);
    for await (const rows of snapshot(range)) {
      const row = rows.find(({ key }) => Buffer.compare(key, positionKey) === 0);
      // The change with this number may have more than what is here.
      if (row !== undefined && part === 'server') position = decodeSequence(row.value) - 1;
      else if (row !== undefined) position = positionOf(row.value);
      yield rows;
    }
  }
  const localPath = join(workDir, `part-${part}`);
  const written = await writePartFile(localPath, pages(), pace);
  if (written.rows === 0 || position === undefined) return undefined;
  await store.archive.put(store.paths.part({ part, ...turn }), localPath);
  await rm(localPath);
  return { part, ...turn, position, takenMs, ...written };
}

/** Whoever starts later over this log has gone on from what there was by then: what this server would add now is behind that. */
async function refuseSuperseded(store: CheckpointStore, { life }: Turn): Promise<void> {
  const newest = await store.newestLife();
  if (newest > life) throw superseded(store, newest);
}

const superseded = (store: CheckpointStore, life: number): AppError =>
  new AppError(
    'archive_fenced',
    `another server has begun life ${life} over this log, as ${store.archive.url} says: two servers use one topic; stop one of them`,
    { path: store.paths.life(life) },
  );
