/** Real partitions of one thread: journal, RocksDB, actors. Only the disk's faults are made up. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import type { ExecutionContext } from 'ava';
import { PartitionGroup } from '../../../actors/partition/group.ts';
import type {
  CollectReply,
  LedgerEntry,
  LedgerReply,
  PartitionCommand,
} from '../../../actors/partition/protocol.ts';
import { ActorSystem } from '../../../actors/runtime.ts';
import type { RestartLimit } from '../../../actors/supervision.ts';
import { BlockColumns } from '../../../src/aggregate/block-columns.ts';
import { StepAccumulator } from '../../../src/aggregate/merge.ts';
import { packControl } from '../../../src/model/block.ts';
import { systemClock } from '../../../src/model/clock.ts';
import { identityOf, type RollupDefinition } from '../../../src/model/rollup.ts';
import { type Journal, openJournal } from '../../../storage/log/journal.ts';
import type { OpenReader } from '../../../storage/log/log.ts';
import {
  createLogShared,
  type LogShared,
  logEnd,
  logStart,
} from '../../../storage/log/log-shared.ts';
import { type OpenState, openState } from '../../../storage/state/rocksdb.ts';
import type { StateStore } from '../../../storage/state/state.ts';
import { type BlockPlace, eventBlock, type PlainEvent } from '../../aggregate/event-blocks.ts';
import { silent } from '../scripted-clock.ts';

export const NOW_MS = Date.UTC(2026, 0, 1, 12);
export const TENANT = 'default';

export const BY_TYPE: RollupDefinition = {
  name: 'by_type',
  stream: 'events',
  filter: [],
  dimensions: ['type'],
  measures: [{ op: 'count' }, { op: 'sum', field: 'n' }],
  resolutions: [
    { stepMs: 1_000, retentionMs: 3_600_000 },
    { stepMs: 60_000, retentionMs: 86_400_000 },
  ],
  latenessMs: 10_000,
  seriesMax: 100,
};

const EAGER: RestartLimit = {
  maxRestarts: 1_000,
  withinMs: 60_000,
  backoffMinMs: 1,
  backoffMaxMs: 4,
};

export interface SceneOptions {
  readonly dir: string;
  readonly partitions?: number;
  /** Of these, what the group has to begin with; default: all. */
  readonly taken?: readonly number[];
  /** Wraps the store of the partitions. */
  readonly store?: (store: StateStore) => StateStore;
  readonly maxRestarts?: number;
  /** Wraps what reads the log. */
  readonly readers?: (open: OpenReader) => OpenReader;
  /** Of a file of the journal. */
  readonly fileBytes?: number;
  /** What happens to the log before the partitions load. */
  readonly beforeStart?: (journal: Journal) => Promise<void>;
}

export async function scratchDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-partitions-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

export class GroupScene {
  readonly group: PartitionGroup;
  readonly journal: Journal;
  readonly shared: LogShared;
  readonly system: ActorSystem;
  readonly state: OpenState;
  /** Per partition, as published. */
  readonly committed = new Map<number, number>();
  /** Above those of a scene before it on the same log. */
  #sequence: number;

  static async open({
    dir,
    partitions = 2,
    taken = Array.from({ length: partitions }, (_, i) => i),
    store,
    maxRestarts,
    readers,
    fileBytes,
    beforeStart,
  }: SceneOptions): Promise<GroupScene> {
    const shared = createLogShared(partitions);
    const state = await openState({ dir: join(dir, 'state'), partitions });
    const journal = await openJournal({
      dir: join(dir, 'journal'),
      shared,
      diskReserveBytes: 0,
      ...(fileBytes !== undefined && { fileBytes }),
    });
    await beforeStart?.(journal);
    const system = new ActorSystem({
      clock: systemClock,
      random: Math.random,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      log: silent,
    });
    const columns = new BlockColumns();
    const committed = new Map<number, number>();
    const group = await PartitionGroup.start({
      system,
      partitions: taken,
      optionsOf: (partition) => ({
        machine: {
          partition,
          dedup: { idsMax: 10_000, bytesMax: 1e7, offsetsMax: 1e9 },
          dedupSeed: state.server.dedupSeed,
          deadLettersMax: 10,
          columns,
        },
        store: store?.(state) ?? state,
        clock: systemClock,
        log: silent,
        restart: { ...EAGER, ...(maxRestarts !== undefined && { maxRestarts }) },
        logged: () => ({ start: logStart(shared, 0), end: logEnd(shared, 0) ?? 0 }),
        publish: {
          applied: (position) => {
            shared.applied[partition] = position;
          },
          committed: (position) => committed.set(partition, position),
          wantsHeartbeat: (wanted) => Atomics.store(shared.watermarkWanted, partition, +wanted),
        },
      }),
      openReader: readers?.(journal.openReader) ?? journal.openReader,
      goesOnAt: () => undefined,
      sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
      log: silent,
    });
    return new GroupScene(group, journal, shared, system, state, committed);
  }

  private constructor(
    group: PartitionGroup,
    journal: Journal,
    shared: LogShared,
    system: ActorSystem,
    state: OpenState,
    committed: Map<number, number>,
  ) {
    this.group = group;
    this.journal = journal;
    this.shared = shared;
    this.system = system;
    this.state = state;
    this.committed = committed;
    this.#sequence = logEnd(shared, 0) ?? 0;
  }

  async close(): Promise<void> {
    await this.group.close();
    await this.system.stop();
    await this.journal.writer.close();
    await this.state.close();
  }

  async declare(rollups: readonly RollupDefinition[], version = 1): Promise<void> {
    const { partitions } = this.shared;
    const blocks = Array.from({ length: partitions }, (_, partition) =>
      packControl(this.#header(partition), { type: 'setRollups', version, rollups }),
    );
    await this.journal.writer.append(blocks);
  }

  /** Logs one block of events; answers its offset. */
  async send(
    partition: number,
    events: readonly PlainEvent[],
    place: Partial<BlockPlace> = {},
  ): Promise<number> {
    const block = eventBlock(events, {
      arrivalMs: NOW_MS,
      partition,
      sequence: ++this.#sequence,
      tenant: TENANT,
      ...place,
    });
    const [offset] = await this.journal.writer.append([block.bytes]);
    return offset as number;
  }

  /** Until everything that is logged is applied by all partitions. */
  async applied(): Promise<void> {
    const { applied, partitionEnds } = this.shared;
    await this.until(() => applied.every((at, id) => at >= (partitionEnds[id] as number)));
  }

  /** Until everything that is logged for these partitions is committed. */
  async commit(...partitions: readonly number[]): Promise<void> {
    for (const id of partitions) {
      const { ref } = this.group.partition(id);
      while ((this.committed.get(id) ?? 0) < (this.shared.partitionEnds[id] as number)) {
        this.group.commit();
        // Room for questions: commits that wait behind each other are no use.
        await ref.credit(2);
        await turn();
      }
      await ref.credit(2);
    }
  }

  /** Looks after each turn of the event loop; the test's own time limit ends it. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await turn();
  }

  collect(partition: number): Promise<CollectReply> {
    const request = {
      tenant: TENANT,
      rollup: BY_TYPE.name,
      identity: identityOf(BY_TYPE),
      fromMs: 0,
      toMs: NOW_MS * 2,
      steps: [1_000, 60_000],
      groups: [0],
    };
    return this.ask(partition, (replyTo) => ({ type: 'collect', request, replyTo }));
  }

  async ledger(partition: number): Promise<LedgerEntry | undefined> {
    const request = { tenant: TENANT, fromMs: 0, toMs: NOW_MS * 2 };
    const { entries } = await this.ask<LedgerReply>(partition, (replyTo) => {
      return { type: 'ledger', request, replyTo };
    });
    return entries[0];
  }

  ask<T>(
    partition: number,
    make: (replyTo: (answer: T | Error) => void) => PartitionCommand,
  ): Promise<T> {
    return this.group.partition(partition).ref.ask(make, 30_000);
  }

  /** Label -> count, of events that are still in open seconds: those of the last ones sent. */
  async openCounts(partition: number): Promise<Record<string, number>> {
    const { rows, series } = await this.collect(partition);
    const labels = new Map(series.map(({ id, labels: [type] }) => [id, String(type)]));
    const sum = new StepAccumulator(BY_TYPE);
    const outputs = Int32Array.from({ length: 64 }, (_, id) => id);
    for (const row of rows) if (row.stepMs === 1_000) sum.add(0, row.bytes, outputs);
    return Object.fromEntries(
      sum
        .series()
        .map((id) => [
          labels.get(id) ?? `#${id}`,
          sum.answer(id, { measure: { op: 'count' } }).value ?? 0,
        ]),
    );
  }

  #header(partition: number) {
    return {
      partition,
      arrivalMs: NOW_MS,
      producerId: 9,
      producerEpoch: 1,
      sequence: ++this.#sequence,
    };
  }
}
