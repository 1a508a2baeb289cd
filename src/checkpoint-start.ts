/**
 * What a server over a topic does before its state is open: it becomes the only one of its life, takes from the archive what its
 * data folder lacks, and sees to it that the topic leads on from there. Its own folder is enough to start while the archive is out
 * of reach; a folder that lacks something waits for the archive.
 */
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  decodePartitionState,
  EMPTY_SNAPSHOT,
  encodePartitionState,
} from '../actors/partition/snapshot.ts';
import { patientArchive } from '../storage/archive/patient-archive.ts';
import { archiveIdentity } from '../storage/checkpoint/archive-identity.ts';
import type { LocalState, LogBounds } from '../storage/checkpoint/candidates.ts';
import type { ChangeChain } from '../storage/checkpoint/change-chain.ts';
import type { CheckpointPart } from '../storage/checkpoint/checkpoint-set.ts';
import { CheckpointStore } from '../storage/checkpoint/checkpoint-store.ts';
import { type RestoreProgress, restoreCheckpoint } from '../storage/checkpoint/restore.ts';
import { decodeSequence, sequenceKey, sequenceOp } from '../storage/checkpoint/server-rows.ts';
import { type LocalRows, takeChain } from '../storage/checkpoint/take-chain.ts';
import { writeLogOrigin } from '../storage/log/log-origin.ts';
import { partitionStateKey, serverKey } from '../storage/state/keys.ts';
import { decodeServer, lifeAt, STATE_VERSION } from '../storage/state/rocksdb.ts';
import type { StateOp, StateStore } from '../storage/state/state.ts';
import type { Clock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Logger } from './model/logger.ts';

export interface CheckpointStartOptions {
  /** Undefined: the server keeps none. */
  readonly store: CheckpointStore | undefined;
  readonly topic: string;
  /** By partition. */
  readonly bounds: readonly LogBounds[];
  readonly whenMissing: 'refuse' | 'goOn';
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly progress: (progress: RestoreProgress) => void;
  /** Told why it waits for the archive; undefined when it goes on. */
  readonly waits: (problem: string | undefined) => void;
}

/** Who keeps the server's rows in the archive, too. */
export interface RowsKeeper {
  /** As `StateStore.commit`. */
  commit(ops: readonly StateOp[], durability?: 'synced'): Promise<void>;
  /** In which it writes the chain of changes; undefined while it does not. */
  readonly chainLife: number | undefined;
  /** Changes are not in the archive, because it has not answered in time. */
  readonly isBehind: boolean;
  /** Another server has gone on with them. */
  readonly isFenced: boolean;
  /** Begins to write what waits. */
  flush(): void;
  /** What waits is written, if the archive takes it soon. */
  close(): Promise<void>;
}

export interface StartedOver {
  readonly life: number;
  /** Of the server's rows. Undefined: the archive was out of reach, or another is to write them. */
  readonly chain: ChangeChain | undefined;
  /** Of the newest change of the server's rows that is, or may be, in the archive. */
  readonly sequence: number;
  /** Newest known part of each partition. */
  readonly known: readonly CheckpointPart[];
  /** Of a node of a cluster: other nodes have to have the same archive. */
  readonly archiveId: string | undefined;
}

/** A new data folder goes on with the offsets of the one whose checkpoints there are. Before anybody reads where it starts. */
export async function adoptOrigin(
  store: CheckpointStore,
  dataDir: string,
  topic: string,
): Promise<void> {
  for await (const { offsetBase } of store.sets()) {
    await writeLogOrigin(dataDir, { id: store.logId, topic, offsetBase });
    return;
  }
}

/** For `openState`, whose store it is given. Rejects with `checkpoint_missing`, `log_truncated`, and as the archive does. */
export async function startOver(
  state: StateStore,
  options: CheckpointStartOptions,
): Promise<StartedOver> {
  const { bounds, clock, log, dataDir } = options;
  const local = await readLocal(state, bounds.length);
  const leadsOn = lacking(local, bounds).length === 0 && ahead(local, bounds) === undefined;
  // Without a sequence the server's rows may be half there: a restore of them was cut off.
  const isWhole = leadsOn && local.life > 0 && local.sequence !== undefined;
  const started = new AbortController();
  const store =
    options.store && (isWhole ? options.store : patient(options.store, options, started.signal));
  async function unlessOutOfReach<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (error) {
      const isKnown = error instanceof AppError && error.code.startsWith('archive_');
      if (!(isWhole && isKnown)) throw error;
      log.error({ err: error }, 'checkpoints are out of reach: the server goes on from its own');
      return undefined;
    }
  }
  const restored =
    store && (await unlessOutOfReach(() => fromArchive(state, store, local, options)));
  const here = await readLocal(state, bounds.length);
  refuseLostEnd(here, bounds, options.topic);
  const missing = lacking(here, bounds);
  if (missing.length > 0) await goOnBehind(state, missing, options);
  // Behind all that may be refused, because whoever has the newest life stops those before it.
  const leastLife = leastLifeBehind(local, clock);
  const claimed =
    store && (await unlessOutOfReach(() => store.claimLife(leastLife, hostname(), clock)));
  const life = claimed ?? leastLife;
  const taken =
    store === undefined || claimed === undefined
      ? undefined
      : await unlessOutOfReach(() =>
          takeChain({
            ...{ store, state, local, life, sleep, log, workDir: workDirIn(dataDir) },
            ...{ stateVersion: STATE_VERSION, partitions: bounds.length },
          }),
        );
  if (taken?.restored !== undefined) {
    log.info({ ...taken.restored }, "the server's rows were taken from the archive");
  }
  // At least one, as a part of a checkpoint has all changes before it.
  const sequence = Math.max(1, taken?.chain.number ?? local.sequence ?? 0);
  await state.commit([sequenceOp(sequence)], 'synced');
  started.abort();
  const known = restored?.known ?? [];
  return { life, chain: taken?.chain, sequence, known, archiveId: undefined };
}

/** As `startOver`, of a node of a cluster: it takes partitions later, and the server's rows only when it leads. Waits for the archive. */
export async function startNode(
  state: StateStore,
  options: Omit<CheckpointStartOptions, 'store'> & { readonly store: CheckpointStore },
): Promise<StartedOver> {
  const local = await readLocal(state, options.bounds.length);
  const leastLife = leastLifeBehind(local, options.clock);
  const store = patient(options.store, options);
  const life = await store.claimLife(leastLife, hostname(), options.clock);
  // Others may have led since, in terms before this life: once it is alone again the archive's rows count, not those that are here.
  await state.commit([{ key: sequenceKey(), value: undefined }], 'synced');
  const archiveId = await archiveIdentity(store);
  return { life, chain: undefined, sequence: 0, known: [], archiveId };
}

const leastLifeBehind = ({ life }: LocalState, clock: Clock): number =>
  Math.max(life + 1, lifeAt(clock));

const workDirIn = (dataDir: string): string => join(dataDir, 'checkpoint-work');

const patient = (
  { archive, logId }: CheckpointStore,
  { log, waits }: Pick<CheckpointStartOptions, 'log' | 'waits'>,
  signal?: AbortSignal,
): CheckpointStore =>
  new CheckpointStore({
    archive: patientArchive(archive, { sleep, log, waits, signal }),
    logId,
    log,
  });

async function fromArchive(
  state: StateStore,
  store: CheckpointStore,
  local: LocalState,
  { bounds, log, dataDir, progress }: CheckpointStartOptions,
): Promise<Pick<StartedOver, 'known'>> {
  const { parts, positions, sets } = await restoreCheckpoint({
    ...{ store, state, local, bounds, progress, log },
    stateVersion: STATE_VERSION,
    workDir: workDirIn(dataDir),
  });
  if (parts.length > 0) {
    const taken = parts.map(({ part, position }) => ({ part, position }));
    log.info({ taken, positions }, 'the state was taken from checkpoints');
  }
  const newest = sets.flatMap((set) => set.parts);
  const known = bounds.flatMap((_, partition) => {
    const found = newest.find(({ part }) => part === partition);
    return found === undefined ? [] : [found];
  });
  return { known };
}

async function readLocal(state: StateStore, partitions: number): Promise<LocalState & LocalRows> {
  const keys = Array.from({ length: partitions }, (_, partition) => partitionStateKey(partition));
  const rows = await state.getMany([serverKey(), sequenceKey(), ...keys]);
  const [server, sequence, ...states] = rows;
  return {
    life: server === undefined ? 0 : decodeServer(server).starts,
    sequence: sequence && decodeSequence(sequence),
    positions: states.map((row) => row && decodePartitionState(row).position),
  };
}

interface Lacking {
  readonly partition: number;
  readonly position: number;
  readonly start: number;
}

/** Partitions that the log no longer leads on from. */
const lacking = ({ positions }: LocalState, bounds: readonly LogBounds[]): Lacking[] =>
  bounds
    .map(({ start }, partition) => ({ partition, start, position: positions[partition] ?? 0 }))
    .filter(({ position, start }) => position < start);

/** A partition of which the state has more than the log. */
function ahead({ positions }: LocalState, bounds: readonly LogBounds[]): number | undefined {
  const found = bounds.findIndex(({ end }, partition) => (positions[partition] ?? 0) > end);
  return found < 0 ? undefined : found;
}

/** Nothing may be appended to such a log: it would lie at offsets that count as applied, and be left out in silence. */
function refuseLostEnd(local: LocalState, bounds: readonly LogBounds[], topic: string): void {
  const partition = ahead(local, bounds);
  if (partition === undefined) return;
  throw new AppError(
    'log_truncated',
    `the data folder has applied partition ${partition} of the topic ${topic} up to ${local.positions[partition]}, and the topic ends at ${bounds[partition]?.end}: it has lost its end, as it may with one replica after a power cut, and no checkpoint is older. ` +
      'Bring back what the brokers had; or begin with an empty data folder, in which all that the topic has is counted anew, and an archive of its own',
    { partition },
  );
}

/** Partitions named in a message; a person looks for more in the log. */
const NAMED_MAX = 4;

/** Rejects with `checkpoint_missing` if that is not wanted. */
export async function goOnBehind(
  state: StateStore,
  missing: readonly Lacking[],
  {
    topic,
    whenMissing,
    log,
    store,
  }: Pick<CheckpointStartOptions, 'topic' | 'whenMissing' | 'log' | 'store'>,
): Promise<void> {
  const names = missing
    .slice(0, NAMED_MAX)
    .map(
      ({ partition, position, start }) => `${position} to ${start - 1} of partition ${partition}`,
    );
  const more = missing.length > NAMED_MAX ? `, and of ${missing.length - NAMED_MAX} more` : '';
  const where = store === undefined ? 'this server keeps no checkpoints' : 'no checkpoint has it';
  const text = `the topic ${topic} no longer has ${names.join(', ')}${more}, the data folder lacks it, and ${where}`;
  if (whenMissing === 'refuse') {
    throw new AppError(
      'checkpoint_missing',
      `${text}: bring back the data folder or the archive; or set checkpoints.whenMissing to goOn, and what is missing is counted nowhere`,
    );
  }
  log.error({ missing }, `${text}: it is counted nowhere`);
  const rows = await state.getMany(missing.map(({ partition }) => partitionStateKey(partition)));
  await state.commit(
    missing.map(({ partition, start }, i) => {
      const row = rows[i];
      const { position: _, ...known } = row === undefined ? EMPTY_STATE : decodePartitionState(row);
      const value = encodePartitionState({ position: start, ...known });
      return { key: partitionStateKey(partition), value };
    }),
    'synced',
  );
}

const { watermarkMs, nowMs, producers, generations, position } = EMPTY_SNAPSHOT;
const EMPTY_STATE = { watermarkMs, nowMs, producers, generations, position };
