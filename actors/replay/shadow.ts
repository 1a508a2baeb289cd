/**
 * Rollups in the making: a state store of its own with the keys of the live one, written by the same code. How far it is lies in
 * it and is committed with every change, so that a replay goes on where it was, however it ended.
 */
import type { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { liveRollupKey, seriesRange } from '../../storage/state/keys.ts';
import { parseJson } from '../../storage/state/rows.ts';
import {
  type StateOp,
  type StateReader,
  type StateStore,
  scan,
} from '../../storage/state/state.ts';
import { writeCommit } from '../partition/commit.ts';
import type { Definitions } from '../partition/definitions.ts';
import { Rollups } from '../partition/rollups.ts';
import { loadRollups } from '../partition/snapshot.ts';

/** Of what lies in the log up to `to`, the events before `edgeMs` are folded: those that segments hold. */
export interface ReplayRound {
  readonly to: readonly number[];
  readonly edgeMs: number;
}

/** What has been folded. Lists are by partition. */
export interface ShadowProgress {
  /** Of the range, from its start on. */
  readonly rows: number;
  /** Everything in the log before it, in whatever order. */
  readonly done: readonly number[];
  /** And what lies from there on, as far as the round has come. */
  readonly round: ReplayRound | undefined;
  /** -Infinity is stored as null. */
  readonly watermarksMs: readonly number[];
  /** The newest arrival. */
  readonly nowMs: readonly number[];
}

export interface ShadowOptions {
  readonly tenant: string;
  readonly rollups: readonly RollupDefinition[];
  readonly partitions: number;
}

/** In no store of a server. */
const PROGRESS_KEY = new Uint8Array([0xff, 0xff, 0xff, 0x00]);

export class Shadow {
  readonly store: StateStore;
  readonly #definitions: Definitions;
  #rollups: readonly Rollups[];
  #watermarksMs: number[];
  #nowMs: number[];
  #progress: ShadowProgress;
  /** Folded since the last commit. */
  #rows = 0;

  /** Takes up what `store` has; begins with the live series in an empty one, so that a series has one id in both. */
  static async open(
    store: StateStore,
    live: StateReader,
    { tenant, rollups, partitions }: ShadowOptions,
  ): Promise<Shadow> {
    const [row] = await store.getMany([PROGRESS_KEY]);
    const progress = row === undefined ? emptyProgress(partitions) : decodeProgress(row);
    if (row === undefined) await copySeries(store, live, { tenant, rollups, partitions });
    const definitions: Definitions = { type: 'setRollups', version: 1, rollups };
    const states = await loadAll(store, definitions, progress);
    return new Shadow(store, definitions, states, progress);
  }

  constructor(
    store: StateStore,
    definitions: Definitions,
    rollups: readonly Rollups[],
    progress: ShadowProgress,
  ) {
    this.store = store;
    this.#definitions = definitions;
    this.#rollups = rollups;
    this.#progress = progress;
    this.#watermarksMs = [...progress.watermarksMs];
    this.#nowMs = [...progress.nowMs];
  }

  /** As committed. */
  get progress(): ShadowProgress {
    return this.#progress;
  }

  /** Rows that came in the order of their time. `limitMs`: the live watermark, which this one must not pass. */
  foldSorted(partition: number, columns: BlockColumns, limitMs: number): void {
    const newestMs = Math.min(columns.source.tsMaxMs, limitMs);
    this.#fold(partition, columns, undefined, newestMs, Number.MAX_SAFE_INTEGER);
    this.#rows += columns.rows;
  }

  /** What time it is for the partition when a block arrives: its clock never goes back. */
  arrived(partition: number, arrivalMs: number): number {
    const nowMs = Math.max(this.#nowMs[partition] ?? 0, arrivalMs);
    this.#nowMs[partition] = nowMs;
    return nowMs;
  }

  /** A block of the log, as its partition folded it: `keep` is 0 for rows that do not count, `count` is how many do. */
  foldBlock(
    partition: number,
    columns: BlockColumns,
    keep: Uint8Array,
    count: number,
    nowMs: number,
  ): void {
    const newest = Math.min(columns.source.tsMaxMs, nowMs);
    const newestMs = Number.isFinite(newest) ? newest : nowMs;
    this.#fold(partition, columns, keep, newestMs, nowMs);
    this.#rows += count;
  }

  /** Closes what the live partition has closed. */
  advance(partition: number, watermarkMs: number): void {
    if (watermarkMs <= (this.#watermarksMs[partition] ?? watermarkMs)) return;
    this.#watermarksMs[partition] = watermarkMs;
    this.#of(partition).advance(watermarkMs);
  }

  /** Forgets what was folded since the last commit. */
  async revert(): Promise<void> {
    const { store, progress } = this;
    this.#rollups = await loadAll(store, this.#definitions, progress);
    this.#watermarksMs = [...progress.watermarksMs];
    this.#nowMs = [...progress.nowMs];
    this.#rows = 0;
  }

  /** Answers the keys of the rows that it wrote. */
  async commit(done: Pick<ShadowProgress, 'done' | 'round'>): Promise<Uint8Array[]> {
    const progress = {
      ...done,
      rows: this.#progress.rows + this.#rows,
      watermarksMs: [...this.#watermarksMs],
      nowMs: [...this.#nowMs],
    };
    const ops: StateOp[] = [{ key: PROGRESS_KEY, value: encodeProgress(progress) }];
    const keys: Uint8Array[] = [];
    const changes = this.#rollups.map((rollups) => rollups.changes());
    const merges = changes.flatMap((change) => change.merges);
    for (const change of changes) for (const op of change.ops) ops.push(op);
    for (const { key } of [...ops.slice(1), ...merges]) keys.push(key);
    const unused = { position: 0, neededFrom: 0, clears: [], letters: [], sweeps: [] };
    await writeCommit(this.store, { ...unused, ops, merges });
    for (const rollups of this.#rollups) rollups.committed();
    this.#progress = progress;
    this.#rows = 0;
    return keys;
  }

  #of(partition: number): Rollups {
    const rollups = this.#rollups[partition];
    if (rollups !== undefined) return rollups;
    throw new AppError('state_corrupt', `events of partition ${partition}, which is not there`);
  }

  #fold(
    partition: number,
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    newestMs: number,
    nowMs: number,
  ): void {
    const before = this.#watermarksMs[partition] ?? Number.NEGATIVE_INFINITY;
    const after = Math.max(before, newestMs);
    this.#watermarksMs[partition] = after;
    this.#of(partition).fold(columns, keep, before, after, nowMs);
  }
}

/** By partition. */
async function loadAll(
  store: StateStore,
  definitions: Definitions,
  { watermarksMs }: ShadowProgress,
): Promise<Rollups[]> {
  const all: Rollups[] = [];
  for (const [partition, watermarkMs] of watermarksMs.entries()) {
    const rollups = new Rollups(partition, definitions);
    rollups.restore(await loadRollups(store, partition, definitions, watermarkMs), watermarkMs);
    all.push(rollups);
  }
  return all;
}

async function copySeries(
  store: StateStore,
  live: StateReader,
  { tenant, rollups, partitions }: ShadowOptions,
): Promise<void> {
  const ops: StateOp[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    for (const { name } of rollups) {
      const key = liveRollupKey(partition, tenant, name);
      const [value] = await live.getMany([key]);
      if (value === undefined) continue;
      ops.push({ key, value });
      for await (const row of scan(live, seriesRange(partition, tenant, name))) ops.push(row);
    }
  }
  ops.push({ key: PROGRESS_KEY, value: encodeProgress(emptyProgress(partitions)) });
  await store.commit(ops);
}

const emptyProgress = (partitions: number): ShadowProgress => ({
  rows: 0,
  done: new Array<number>(partitions).fill(0),
  round: undefined,
  watermarksMs: new Array<number>(partitions).fill(Number.NEGATIVE_INFINITY),
  nowMs: new Array<number>(partitions).fill(0),
});

const encodeProgress = (progress: ShadowProgress): Uint8Array =>
  Buffer.from(JSON.stringify(progress));

function decodeProgress(row: Uint8Array): ShadowProgress {
  const stored = parseJson('how far a replay is', row);
  if (typeof stored !== 'object' || stored === null || !('done' in stored)) {
    throw new AppError('state_corrupt', 'how far a replay is lacks what is done');
  }
  const progress = stored as Omit<ShadowProgress, 'watermarksMs'> & {
    readonly watermarksMs: readonly (number | null)[];
  };
  const watermarksMs = progress.watermarksMs.map((each) => each ?? Number.NEGATIVE_INFINITY);
  return { ...progress, round: progress.round ?? undefined, watermarksMs };
}
