/**
 * Opens the state of a server whose log is a topic, with all that makes its data folder replaceable: a life of its own, checkpoints
 * taken from the archive before and into it afterwards. Health checks are answered meanwhile.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isKnown } from '../actors/archiver/claim-guard.ts';
import type { Archive } from '../storage/archive/archive.ts';
import { beginArchive, openArchive } from '../storage/archive/open.ts';
import { OWN_COMMITS_FILE, openOwnCommits } from '../storage/archive/own-commits.ts';
import { patientArchive } from '../storage/archive/patient-archive.ts';
import { isWithin } from '../storage/backup/target.ts';
import { CheckpointStore } from '../storage/checkpoint/checkpoint-store.ts';
import type { RestoreProgress } from '../storage/checkpoint/restore.ts';
import { ServerChanges } from '../storage/checkpoint/server-changes.ts';
import { claimLate } from '../storage/checkpoint/take-chain.ts';
import { hasJournal, readLogOrigin } from '../storage/log/log-origin.ts';
import { type LogShared, logEnd, logStart } from '../storage/log/log-shared.ts';
import type { KafkaSource } from '../storage/log/source.ts';
import { type OpenState, openState, STATE_VERSION } from '../storage/state/rocksdb.ts';
import type { StateStore } from '../storage/state/state.ts';
import { archiveSettings } from './archive-settings.ts';
import { CheckpointSide } from './checkpoint-side.ts';
import { adoptOrigin, type StartedOver, startNode, startOver } from './checkpoint-start.ts';
import type { Config } from './config.ts';
import type { LogHere } from './log-side.ts';
import { systemClock } from './model/clock.ts';
import { isFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import { clearRestores, NodeRows } from './node-rows.ts';
import { refuseWithSpoolLeft } from './spool-left.ts';
import { listenWhileStarting, type StartingListener } from './starting-listener.ts';
import type { Progress } from './threads/progress.ts';

export interface ServerState {
  readonly state: OpenState;
  /** Undefined: none are taken. */
  readonly checkpoints: CheckpointSide | undefined;
}

export class StateStart {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #listener: StartingListener;

  static async begin(config: Config, logger: Logger): Promise<StateStart> {
    return new StateStart(config, logger, await listenWhileStarting(config, logger));
  }

  private constructor(config: Config, logger: Logger, listener: StartingListener) {
    this.#config = config;
    this.#logger = logger;
    this.#listener = listener;
  }

  /** Before the data folder is bound to the topic. A new folder waits for the archive: its offsets may not begin at 0. */
  async adopt(logId: string, topic: string): Promise<void> {
    const { dataDir } = this.#config;
    if ((await readLogOrigin(dataDir)) !== undefined || (await hasJournal(dataDir))) return;
    const archive = await this.#openArchive();
    if (archive === undefined) return;
    const patient = patientArchive(archive, {
      sleep,
      log: this.#logger,
      waits: (problem) => this.#say(problem),
    });
    try {
      const store = new CheckpointStore({ archive: patient, logId, log: this.#logger });
      await adoptOrigin(store, dataDir, topic);
    } finally {
      await archive.close();
    }
  }

  /**
   * Rejects as `openState`, and with `checkpoint_missing`. A `node` of a cluster begins without partitions and without the server's rows,
   * and waits for the archive: it must be in it, as nothing else says that no other node has its life.
   */
  async open(
    { source, shared }: LogHere,
    progress: Progress,
    role: 'alone' | 'node' = 'alone',
  ): Promise<ServerState> {
    assert(source.type === 'kafka', 'a journal has no checkpoints');
    const config = this.#config;
    const { dataDir, partitions } = config;
    await clearRestores(dataDir);
    const archive = await this.#openArchive();
    const logger = this.#logger;
    if (archive !== undefined) this.#warnOfOneFolder();
    const store = archive && new CheckpointStore({ archive, logId: source.id, log: logger });
    let started: StartedOver | undefined;
    const state = await openState({
      ...{ dir: join(dataDir, 'state'), partitions },
      prepare: async (rows) => {
        started = await this.#startOver(rows, source, shared, store, role);
        return started.life;
      },
    });
    if (store === undefined || started === undefined) return { state, checkpoints: undefined };
    const { archiveId } = started;
    const node =
      archiveId === undefined
        ? undefined
        : new NodeRows({ config, topic: source.topic, store, archiveId, state, log: logger });
    const checkpoints = new CheckpointSide({
      ...{ config, store, offsetBase: source.offsetBase, started, state, progress, logger },
      rows: node ?? changesOf(state, store, started, config, logger),
      node,
    });
    return { state: checkpoints.state, checkpoints };
  }

  /** Before anybody else listens. May be called again. */
  async close(): Promise<void> {
    await this.#listener.close();
  }

  #startOver(
    rows: StateStore,
    { topic }: KafkaSource,
    shared: LogShared,
    store: CheckpointStore | undefined,
    role: 'alone' | 'node',
  ): Promise<StartedOver> {
    const { dataDir, partitions, checkpoints } = this.#config;
    this.#say(undefined);
    const options = {
      ...{ topic, dataDir, log: this.#logger, clock: systemClock },
      whenMissing: checkpoints.whenMissing,
      bounds: Array.from({ length: partitions }, (_, partition) => ({
        start: logStart(shared, partition),
        // Unknown while brokers are away, and a spool takes events.
        end: logEnd(shared, partition) ?? Number.POSITIVE_INFINITY,
      })),
      waits: (problem: string | undefined) => this.#say(problem),
      progress: ({ bytes, bytesInAll }: RestoreProgress) => {
        const share = bytesInAll === 0 ? 100 : Math.floor((100 * bytes) / bytesInAll);
        this.#listener.say(
          `the state is restored from checkpoints: ${share} % of ${bytesInAll} bytes`,
        );
      },
    };
    if (role === 'alone') {
      return startOver(rows, { ...options, store }).catch((error) => {
        if (isFault(error, 'log_truncated')) return refuseWithSpoolLeft(error, dataDir);
        throw error;
      });
    }
    assert(store !== undefined, 'the configuration of a cluster has checkpoints');
    return startNode(rows, { ...options, store });
  }

  #say(problem: string | undefined): void {
    this.#listener.say(
      problem === undefined
        ? 'checkpoints are looked for in the archive'
        : `the archive has to be asked for checkpoints first: ${problem}`,
    );
  }

  #warnOfOneFolder(): void {
    const { dataDir } = this.#config;
    const settings = archiveSettings(this.#config);
    if (settings.type !== 'local' || !isWithin(settings.dir, dataDir)) return;
    this.#logger.warn(
      { dir: settings.dir },
      'the archive is in the data folder, and checkpoints with it: whoever loses the folder loses them; set archive.local.dir, archive.webhdfs or archive.s3',
    );
  }

  /** Undefined: none is kept, or no checkpoints in it. */
  async #openArchive(): Promise<Archive | undefined> {
    const { archive, checkpoints, dataDir } = this.#config;
    if (!(archive.enabled && checkpoints.enabled)) return undefined;
    const settings = archiveSettings(this.#config);
    const opened = await openArchive(settings);
    const commits = await openOwnCommits(join(dataDir, OWN_COMMITS_FILE));
    if (!isKnown(commits, opened.url)) await beginArchive(settings);
    return opened;
  }
}

/** Of a server that is alone. */
function changesOf(
  state: OpenState,
  store: CheckpointStore,
  { chain, life, sequence }: StartedOver,
  { dataDir, partitions }: Config,
  log: Logger,
): ServerChanges {
  const quietly = (ms: number) => sleep(ms, undefined, { ref: false });
  return new ServerChanges({
    ...{ state, chain, sequence, log, sleep: quietly },
    claim: () =>
      claimLate({
        ...{ store, state, life, log, sleep: quietly, workDir: join(dataDir, 'late-work') },
        ...{ stateVersion: STATE_VERSION, partitions },
      }),
  });
}
