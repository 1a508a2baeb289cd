/**
 * Rows of a node of a cluster, as they come and go: the server's while it leads, each partition's when it takes it. All come from the
 * archive, as the node that had them before may never answer again.
 */
import { rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodePartitionState } from '../actors/partition/snapshot.ts';
import { patientArchive } from '../storage/archive/patient-archive.ts';
import { type LogBounds, leadsOn } from '../storage/checkpoint/candidates.ts';
import { CheckpointStore } from '../storage/checkpoint/checkpoint-store.ts';
import { LedChanges } from '../storage/checkpoint/led-changes.ts';
import {
  type RestoredPartition,
  refuseLost,
  restorePartition,
} from '../storage/checkpoint/restore-partition.ts';
import { isServerRow } from '../storage/checkpoint/server-rows.ts';
import { takeChain } from '../storage/checkpoint/take-chain.ts';
import { partitionStateKey } from '../storage/state/keys.ts';
import { type OpenState, STATE_VERSION } from '../storage/state/rocksdb.ts';
import type { StateOp } from '../storage/state/state.ts';
import { goOnBehind, type RowsKeeper } from './checkpoint-start.ts';
import type { LedRows } from './cluster/leadership.ts';
import type { Config } from './config.ts';
import { systemClock } from './model/clock.ts';
import { AppError, isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import { within } from './model/within.ts';

/** What was committed last may take so long to be in the archive, when leading comes to its end. */
const FLUSH_MS = 1_000;

/** Where what is fetched lies until it is in the state. */
const restoreWork = (dataDir: string): string => join(dataDir, 'restore-work');

/** Takes away what was fetched by a node that was killed over it: the partition may never come back to where it lies. */
export const clearRestores = (dataDir: string): Promise<void> =>
  rm(restoreWork(dataDir), { recursive: true, force: true });

export interface NodeRowsOptions {
  readonly config: Config;
  readonly topic: string;
  readonly store: CheckpointStore;
  readonly archiveId: string;
  /** Without the archive behind it. */
  readonly state: OpenState;
  readonly log: Logger;
}

export class NodeRows implements LedRows, RowsKeeper {
  readonly #options: NodeRowsOptions;
  /** While this node leads. */
  #led: LedChanges | undefined;

  constructor(options: NodeRowsOptions) {
    this.#options = options;
  }

  /** That all of its rows come from. */
  get archive(): { readonly id: string; readonly url: string } {
    const { store, archiveId } = this.#options;
    return { id: archiveId, url: store.archive.url };
  }

  readonly isBehind = false;
  readonly isFenced = false;

  get chainLife(): number | undefined {
    return this.#led?.life;
  }

  /** As `StateStore.commit`, and with `not_leader` for rows of the server. */
  async commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void> {
    if (this.#led !== undefined) return this.#led.commit(ops, durability);
    if (ops.some(({ key }) => isServerRow(key))) {
      throw new AppError('not_leader', 'this node does not lead the cluster');
    }
    return this.#options.state.commit(ops, durability);
  }

  flush(): void {
    this.#led?.flush().catch(() => undefined);
  }

  async lead(onLost: (fault: AppError) => void): Promise<number> {
    const { config, store, state, log } = this.#options;
    const { partitions, dataDir } = config;
    const life = await store.claimLife(state.server.starts + 1, hostname(), systemClock);
    const quietly = (ms: number) => sleep(ms, undefined, { ref: false });
    const { chain, restored } = await takeChain({
      ...{ store, state, life, log, sleep: quietly, local: undefined },
      ...{ stateVersion: STATE_VERSION, partitions },
      workDir: join(restoreWork(dataDir), 'server'),
    });
    log.info({ term: life, ...restored }, "the server's rows were taken from the archive");
    this.#led = new LedChanges({ chain, state, sleep: quietly, onLost, log });
    return life;
  }

  async end(): Promise<void> {
    const led = this.#led;
    if (led === undefined) return;
    await within(
      led.flush().catch(() => undefined),
      FLUSH_MS,
    );
    if (this.#led === led) this.#led = undefined;
    await led.end();
  }

  async close(): Promise<void> {
    await this.end();
  }

  /**
   * Before a thread takes the partition, and while nobody writes its rows. What is here is enough if the log leads on from it and the
   * archive is out of reach; else it waits for the archive. Rejects with `checkpoint_missing` and `log_truncated`, which concern this
   * partition alone, and soon after `signal` is aborted, which leaves rows that the next restore begins anew over. `say` is told what is
   * waited for or fetched; undefined: nothing any more.
   */
  async restore(
    partition: number,
    bounds: LogBounds,
    say: (doing: string | undefined) => void,
    signal?: AbortSignal,
  ): Promise<RestoredPartition> {
    const { config, topic, state, log } = this.#options;
    const [row] = await state.getMany([partitionStateKey(partition)]);
    const position = row && decodePartitionState(row).position;
    const here: RestoredPartition = { position, part: undefined };
    try {
      const restored = await this.#fromArchive(partition, bounds, position, say, signal);
      const isMissing = (restored.position ?? 0) < bounds.start;
      if (!isMissing || config.checkpoints.whenMissing === 'refuse') {
        refuseLost({ position: restored.position, partition, topic }, bounds);
        return restored;
      }
      const missing = [{ partition, position: restored.position ?? 0, start: bounds.start }];
      const { whenMissing } = config.checkpoints;
      await goOnBehind(state, missing, { topic, whenMissing, log, store: this.#options.store });
      return { position: bounds.start, part: undefined };
    } catch (error) {
      if (!(isOutOfReach(error) && position !== undefined && leadsOn(position, bounds)))
        throw error;
      log.error(
        { err: error, partition },
        'checkpoints are out of reach: what is here is gone on with',
      );
      return here;
    } finally {
      say(undefined);
    }
  }

  #fromArchive(
    partition: number,
    bounds: LogBounds,
    position: number | undefined,
    say: (doing: string | undefined) => void,
    signal: AbortSignal | undefined,
  ): Promise<RestoredPartition> {
    const { config, state, log } = this.#options;
    const isEnough = position !== undefined && leadsOn(position, bounds);
    return restorePartition({
      store: isEnough ? this.#options.store : this.#patient(say, signal),
      ...{ state, partition, partitions: config.partitions, stateVersion: STATE_VERSION },
      ...{ bounds, position, log, signal },
      workDir: join(restoreWork(config.dataDir), String(partition)),
      progress: (bytes) => say(`a checkpoint of ${bytes} bytes is fetched`),
    });
  }

  #patient(say: (doing: string | undefined) => void, signal?: AbortSignal): CheckpointStore {
    const { store, log } = this.#options;
    const waits = (problem: string | undefined) =>
      say(problem && `the archive has to be asked for checkpoints first: ${problem}`);
    const archive = patientArchive(store.archive, { sleep, log, waits, signal });
    return new CheckpointStore({ archive, logId: store.logId, log });
  }
}

const isOutOfReach = (error: unknown): boolean =>
  isFault(error, 'archive_unavailable') ||
  isFault(error, 'archive_denied') ||
  isFault(error, 'archive_io');
