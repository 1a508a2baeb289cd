/**
 * Erasures on request, from their request to their receipt. Each is a row of the state store that says how far it is; two of them go
 * side by side, one in the log and one in the archive. What fails is tried again for as long as it takes: nobody is told that something is
 * erased before it is.
 */
import { ok as assert } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import type { ErasureKeeper } from '../actors/archiver/erasure-jobs.ts';
import { addErased } from '../actors/eraser/erased-counts.ts';
import { rollupsSketching } from '../actors/eraser/labels.ts';
import { logEnd } from '../storage/log/log-shared.ts';
import { connectLogWriter } from '../storage/log/remote.ts';
import {
  decodeErasure,
  encodeErasure,
  erasureKey,
  erasureRange,
} from '../storage/state/erasure-rows.ts';
import { type StateOp, scan } from '../storage/state/state.ts';
import type { ArchiveSide } from './archive-side.ts';
import type { ColdSide } from './cold-side.ts';
import { asOfEvents, eraseSessions } from './erasure-sessions.ts';
import { TopicErasures } from './erasure-topic.ts';
import { ErasureValues } from './erasure-values.ts';
import type { Foundation } from './foundation.ts';
import { hasHadArchive } from './had-archive.ts';
import { systemClock } from './model/clock.ts';
import { type Erasure, type ErasureState, newErasure, withVersion } from './model/erasure.ts';
import { AppError } from './model/errors.ts';
import type { ErasurePort, ErasureView, ErasureWanted } from './query/erasure-port.ts';
import type { EdgeWorker } from './threads/edge-worker.ts';
import { EraserWorker } from './threads/eraser-worker.ts';
import type { PartitionHold } from './threads/partition-hold.ts';

/** Erasures that wait at once, of all tenants. Each reads all of the log and the tenant's archive. */
const WAITING_MAX = 100;
/** With those that only wait for files or a topic to be deleted: the retention of a topic may be long. */
const OPEN_MAX = 10_000;
/** Receipts that are kept for a tenant: the oldest go first. */
const RECEIPTS_MAX = 1_000;
/** Who sends an event and asks for its erasure may have another machine's clock; and a block is durable soon after it was sealed. */
const ARRIVED_BEFORE_MS = 60_000;
/** What has failed is tried again so often. */
const RETRY_MS = 5_000;
/** How often it is looked whether removed files are gone, once it is time. */
const GRACE_LOOK_MS = 1_000;

const ARCHIVE_OFF =
  'the archive is switched off: it may hold the events; set "archive.enabled", and this goes on';

/** What works at the same time, and on erasures in which state. */
const LANES: readonly (readonly ErasureState[])[] = [['log', 'deadLetters'], ['archive']];

export interface ErasureSideOptions {
  readonly archive: ArchiveSide | undefined;
  readonly cold: ColdSide | undefined;
  /** That writes the log. */
  readonly edge: EdgeWorker;
  readonly hold: PartitionHold;
}

export class ErasureSide implements ErasurePort {
  readonly #base: Foundation;
  readonly #archive: ArchiveSide | undefined;
  /** It is switched off, and may hold what is to be erased: nobody is told that it is gone. */
  readonly #isArchiveOff: boolean;
  readonly #cold: ColdSide | undefined;
  readonly #hold: PartitionHold;
  readonly #values: ErasureValues;
  readonly #eraser: EraserWorker;
  /** Undefined: the log is a journal. */
  readonly #topic: TopicErasures | undefined;
  /** Not done yet, by id, in the order of their requests. */
  readonly #open = new Map<string, Erasure>();
  readonly #problems = new Map<string, string>();
  readonly #busy = new Set<readonly ErasureState[]>();
  readonly #closing = new AbortController();
  #requesting: Promise<unknown> = Promise.resolve();
  #isLooking = false;
  #timer: NodeJS.Timeout | undefined;

  /** Goes on with what an earlier start has not finished. */
  static async open(base: Foundation, options: ErasureSideOptions): Promise<ErasureSide> {
    const isOff = options.archive === undefined && (await hasHadArchive(base.config.dataDir));
    const side = new ErasureSide(base, options, isOff);
    const open: Erasure[] = [];
    for await (const { value } of scan(base.state, erasureRange())) {
      const erasure = decodeErasure(value);
      if (!isClosed(erasure)) open.push(erasure);
    }
    open.sort((a, b) => (a.id < b.id ? -1 : 1));
    for (const erasure of open) side.#open.set(erasure.id, erasure);
    const looking = open.filter(({ state }) => state !== 'grace');
    await side.#values.forgetOthers(new Set(looking.map(({ id }) => id)));
    side.#timer = setInterval(() => side.#lookAtGrace(), GRACE_LOOK_MS);
    side.#go();
    return side;
  }

  private constructor(
    base: Foundation,
    { archive, cold, edge, hold }: ErasureSideOptions,
    isArchiveOff: boolean,
  ) {
    this.#base = base;
    this.#archive = archive;
    this.#isArchiveOff = isArchiveOff;
    this.#topic = base.source.type === 'kafka' ? new TopicErasures(base) : undefined;
    this.#cold = cold;
    this.#hold = hold;
    this.#values = new ErasureValues(join(base.config.dataDir, 'erasures'));
    const { port1, port2 } = new MessageChannel();
    edge.serveLog(port2);
    const { source, shared, progress, state, config } = base;
    this.#eraser = new EraserWorker(
      {
        source,
        shared: shared.buffer,
        progress: progress.buffer,
        state: state.handle,
        logging: config.logging,
      },
      connectLogWriter({ port: port1, shared }),
    );
  }

  request(wanted: ErasureWanted): Promise<ErasureView> {
    // One at a time, so that the bound holds.
    const requested = this.#requesting.then(() => this.#request(wanted));
    this.#requesting = requested.catch(() => undefined);
    return requested;
  }

  async find(tenant: string, id: string): Promise<ErasureView | undefined> {
    const open = this.#open.get(id);
    if (open?.tenant === tenant) return this.#stored(open);
    if (!/^[\w-]{1,64}$/.test(id)) return undefined;
    const [row] = await this.#base.state.getMany([erasureKey(tenant, id)]);
    return row && this.#view(decodeErasure(row));
  }

  async list(tenant: string, first: number): Promise<readonly ErasureView[]> {
    const rows = await this.#base.state.pageDown(erasureRange(tenant), first);
    return rows.map(({ value }) => this.#view(decodeErasure(value)));
  }

  /** Nothing is lost: the next start goes on. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#closing.abort();
    await this.#requesting;
    await this.#eraser.close();
  }

  async #request({ tenant, stream, field, value }: ErasureWanted): Promise<ErasureView> {
    const waiting = [...this.#open.values()].filter(({ state }) => state !== 'grace');
    if (waiting.length >= WAITING_MAX || this.#open.size >= OPEN_MAX) {
      throw new AppError(
        'query_overload',
        `${this.#open.size} erasures are under way: ask again when one is done${this.#isArchiveOff ? `; ${ARCHIVE_OFF}` : ''}`,
      );
    }
    const requestedMs = systemClock.now();
    const id = `${String(requestedMs).padStart(13, '0')}-${randomBytes(4).toString('hex')}`;
    const before = this.#topic?.before() ?? logEnd(this.#base.shared, 0) ?? 0;
    const erasure = newErasure({
      ...{ id, tenant, field, requestedMs, before },
      ...(stream !== undefined && { stream }),
    });
    await this.#values.keep(id, value);
    await this.#dropOldReceipts(tenant);
    await this.#keep(erasure, [], 'synced');
    this.#go();
    return this.#view(erasure);
  }

  async #dropOldReceipts(tenant: string): Promise<void> {
    const rows = await this.#base.state.page(erasureRange(tenant), RECEIPTS_MAX);
    const [oldest] = rows;
    if (rows.length < RECEIPTS_MAX || oldest === undefined) return;
    if (isClosed(decodeErasure(oldest.value))) {
      await this.#base.state.commit([{ key: oldest.key, value: undefined }]);
    }
  }

  /** Starts what does not run. */
  #go(): void {
    for (const lane of LANES) {
      if (this.#busy.has(lane) || this.#nextOf(lane) === undefined) continue;
      this.#busy.add(lane);
      void this.#work(lane).finally(() => {
        this.#busy.delete(lane);
        // What came while it ended.
        if (!this.#closing.signal.aborted) this.#go();
      });
    }
  }

  #nextOf(lane: readonly ErasureState[]): Erasure | undefined {
    for (const erasure of this.#open.values()) {
      if (lane.includes(erasure.state) && !this.#waitsForArchive(erasure)) return erasure;
    }
    return undefined;
  }

  #waitsForArchive({ state }: Erasure): boolean {
    return state === 'archive' && this.#isArchiveOff;
  }

  async #work(lane: readonly ErasureState[]): Promise<void> {
    const { signal } = this.#closing;
    for (;;) {
      const erasure = this.#nextOf(lane);
      if (erasure === undefined || signal.aborted) return;
      try {
        await this.#step(erasure);
        this.#problems.delete(erasure.id);
      } catch (error) {
        if (signal.aborted) return;
        this.#failed(erasure.id, error);
        await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  #failed(id: string, error: unknown): void {
    const isKnown = error instanceof AppError;
    this.#base.logger.warn(
      { err: error, erasure: id },
      'an erasure could not go on: it is tried again',
    );
    this.#problems.set(
      id,
      isKnown ? error.message : 'an internal error, see the log of the server',
    );
  }

  /** To its next state. */
  async #step(erasure: Erasure): Promise<void> {
    const value = await this.#values.read(erasure.id);
    if (value === undefined) {
      await this.#keep({ ...erasure, state: 'lost', finishedMs: systemClock.now() });
      return;
    }
    if (erasure.state !== 'archive') {
      await this.#eraseHere(erasure, value);
      this.#go();
      return;
    }
    await this.#eraseSessions(erasure, value);
    await this.#eraseFromArchive(erasure, value);
    const finished = await this.#finished(this.#open.get(erasure.id) ?? erasure);
    // Before the value is forgotten, or a crash in between would call it lost.
    await this.#keep({ ...finished, state: 'grace' }, [], 'synced');
    await this.#values.forget(erasure.id);
    if (this.#isAllGone(finished)) await this.#keep({ ...finished, state: 'done' });
    this.#base.logger.info(
      {
        erasure: erasure.id,
        tenant: erasure.tenant,
        log: erasure.log.rows,
        archive: finished.archive.streams,
      },
      'events were erased on request',
    );
  }

  /** Files that others have removed before, as retention and erasures of the same value do, may hold it until they are deleted. */
  async #finished(erasure: Erasure): Promise<Erasure> {
    const { tenant, archive } = erasure;
    const finishedMs = systemClock.now();
    const left = (await this.#archive?.removedBefore(tenant, finishedMs)) ?? 0;
    const removedMs = left > 0 ? finishedMs : archive.removedMs;
    return { ...erasure, archive: { ...archive, removedMs }, finishedMs };
  }

  async #eraseHere(erasure: Erasure, value: string): Promise<void> {
    const rollups = asOfEvents(this.#base.declarations.current);
    const stored = (await this.#storedRow(erasure)) ?? erasure;
    const done = await this.#eraser.erase({ erasure: stored, value, rollups });
    this.#base.checkpoints?.touch();
    this.#open.set(done.id, done);
  }

  /** Partitions have applied all that is before the erasure since they have committed it, for the log to be erased. */
  async #eraseSessions(erasure: Erasure, value: string): Promise<void> {
    const { state, config, declarations, checkpoints } = this.#base;
    const { sessions: definitions = [] } = declarations.current;
    const tools = { state, partitions: config.partitions, hold: this.#hold, definitions };
    await eraseSessions(tools, erasure, value);
    checkpoints?.touch();
  }

  async #eraseFromArchive(erasure: Erasure, value: string): Promise<void> {
    const { id, tenant, stream, field, before, requestedMs, archive } = erasure;
    if (this.#archive === undefined) {
      // What one that could never be written has left here.
      for (const folder of ['archive-work', 'cold-work']) {
        await rm(join(this.#base.config.dataDir, folder), { recursive: true, force: true });
      }
      return;
    }
    const target = {
      ...{ id, tenant, field, value, before },
      ...(stream !== undefined && { stream }),
      counted: erasure.log.counted,
      arrivedBeforeMs: requestedMs - ARRIVED_BEFORE_MS,
    };
    await this.#topic?.archiveAll(this.#archive, erasure);
    await this.#archive.erase(target, archive.intent, this.#keeper);
    await this.#cold?.forget();
  }

  readonly #keeper: ErasureKeeper = {
    intended: async (id, intent) => {
      const erasure = this.#opened(id);
      await this.#keep({ ...erasure, archive: { ...erasure.archive, intent } }, [], 'synced');
    },
    settled: async (id, isMade) => {
      const erasure = this.#opened(id);
      const { intent, ...rest } = erasure.archive;
      if (intent === undefined) return;
      if (!isMade) return this.#keep({ ...erasure, archive: rest });
      const lines = intent.uncounted.map(([partition, events]) => {
        const { stream, hourMs: arrivalHourMs } = intent;
        return { partition, tenant: erasure.tenant, stream, arrivalHourMs, events };
      });
      const sums = await addErased(this.#base.state, lines);
      await this.#keep({ ...erasure, archive: withVersion(rest, intent, systemClock.now()) }, sums);
    },
  };

  #isAllGone(erasure: Erasure): boolean {
    return erasure.archive.removedMs === 0 && this.#topic?.isGone(erasure) !== false;
  }

  /** Removed files stay for their readers: then all is done. Of a topic, what brokers have not deleted. */
  #lookAtGrace(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#endGrace().finally(() => {
      this.#isLooking = false;
    });
  }

  async #endGrace(): Promise<void> {
    const nowMs = systemClock.now();
    for (const erasure of this.#open.values()) {
      if (erasure.state !== 'grace' || nowMs < (this.#graceEndMs(erasure) ?? 0)) continue;
      try {
        const { tenant, archive } = erasure;
        const { removedMs } = archive;
        const left = removedMs === 0 ? 0 : await this.#archive?.removedBefore(tenant, removedMs);
        // Without an archive nobody deletes them.
        if (left !== 0) continue;
        if (this.#topic?.isGone(erasure) === false) continue;
        if (this.#closing.signal.aborted) return;
        await this.#keep({ ...erasure, state: 'done' });
      } catch (error) {
        if (!(error instanceof AppError)) throw error;
      }
    }
  }

  async #keep(
    erasure: Erasure,
    more: readonly StateOp[] = [],
    durability?: 'synced',
  ): Promise<void> {
    const row = { key: erasureKey(erasure.tenant, erasure.id), value: encodeErasure(erasure) };
    await this.#base.state.commit([...more, row], durability);
    if (isClosed(erasure)) this.#open.delete(erasure.id);
    else this.#open.set(erasure.id, erasure);
  }

  #opened(id: string): Erasure {
    const erasure = this.#open.get(id);
    assert(erasure !== undefined, 'the archive erases only what is asked of it');
    return erasure;
  }

  /** The eraser's thread writes how far it is. */
  async #stored(erasure: Erasure): Promise<ErasureView> {
    return this.#view((await this.#storedRow(erasure)) ?? erasure);
  }

  async #storedRow({ tenant, id }: Erasure): Promise<Erasure | undefined> {
    const [row] = await this.#base.state.getMany([erasureKey(tenant, id)]);
    return row && decodeErasure(row);
  }

  #graceEndMs({ archive }: Erasure): number | undefined {
    return archive.removedMs === 0
      ? undefined
      : archive.removedMs + this.#base.config.archive.removedKeptMs;
  }

  #view(erasure: Erasure): ErasureView {
    const rollups = asOfEvents(this.#base.declarations.current);
    return {
      ...erasure,
      problem: this.#problemOf(erasure),
      goneByMs: this.#graceEndMs(erasure),
      logGoneByMs: this.#topic?.goneByMs(erasure),
      isInTopic: this.#topic?.isGone(erasure) === false,
      hasArchive: this.#archive !== undefined || this.#isArchiveOff,
      sketches: rollupsSketching(rollups, erasure),
    };
  }

  #problemOf(erasure: Erasure): string | undefined {
    const { id, state } = erasure;
    if (this.#waitsForArchive(erasure)) return ARCHIVE_OFF;
    if (state === 'lost') {
      return 'the value is not known any more, as in a data folder from a backup: ask for the erasure again';
    }
    if (state === 'grace' && this.#archive === undefined) {
      return 'files that were removed from the archive are not deleted while this server keeps none: set "archive.enabled"';
    }
    if (state !== 'archive') return this.#problems.get(id);
    if (this.#archive?.numbers()?.isFenced === true) {
      return 'another server has claimed the archive: erase there, or restart this one';
    }
    const work = this.#archive?.numbers()?.work.find(({ kind }) => kind === 'erasure');
    return this.#problems.get(id) ?? this.#archive?.problem() ?? work?.problem;
  }
}

const isClosed = ({ state }: Erasure): boolean => state === 'done' || state === 'lost';
