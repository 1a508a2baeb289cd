/** Replays put together: which there are, the thread of the one that is at work, and what it needs of the others. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { loadHead } from '../actors/partition/snapshot.ts';
import type { ReplayState } from '../actors/replay/protocol.ts';
import { iso, type ReplayRange, wholeBuckets } from '../actors/replay/range.ts';
import { closedTo } from './aggregate/tiers.ts';
import { archiveSettings } from './archive-settings.ts';
import type { ArchiveSide } from './archive-side.ts';
import type { Foundation } from './foundation.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import { askedBy, type RollupDefinition, shownName } from './model/rollup.ts';
import { isSessionStream } from './model/session.ts';
import type { ReplayPort, ReplayRecord, ReplayRequest } from './query/replay-port.ts';
import { ReplayRecords } from './replay-records.ts';
import type { PartitionHold } from './threads/partition-hold.ts';
import type { ReplayNews } from './threads/replay-protocol.ts';
import { ReplayWorker } from './threads/replay-worker.ts';

export interface ReplaySide extends ReplayPort {
  close(): Promise<void>;
}

/** Undefined without an archive: the log alone is too short. Goes on with what an earlier life of the server left. */
export function createReplaySide(
  base: Foundation,
  hold: PartitionHold,
  archive: ArchiveSide | undefined,
): ReplaySide | undefined {
  return archive && new Replays(base, hold, archive);
}

interface Running {
  readonly id: string;
  readonly worker: ReplayWorker;
}

class Replays implements ReplaySide {
  readonly #base: Foundation;
  readonly #archive: ArchiveSide;
  readonly #hold: PartitionHold;
  readonly #records: ReplayRecords;
  #running: Running | undefined;
  /** Another one may start when it is settled: they would share an open store, or the hold. */
  #ending: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(base: Foundation, hold: PartitionHold, archive: ArchiveSide) {
    this.#base = base;
    this.#archive = archive;
    this.#hold = hold;
    this.#records = new ReplayRecords(join(base.config.dataDir, 'replay'), base.logger);
    const left = this.#records.all().findLast(({ state }) => isAtWork(state));
    if (left !== undefined) void this.#resume(left);
  }

  async start(request: ReplayRequest): Promise<ReplayRecord> {
    if (!(request.share > 0 && request.share <= 1)) {
      throw invalid(`expected a "share" above 0, at most 1; received ${request.share}`);
    }
    const { tenant, stream, share } = request;
    this.#demandRoom(tenant);
    const rollups = this.#rollupsOf(request);
    const wanted = { fromMs: request.fromMs, toMs: request.toMs };
    const range = await this.#rangeOf(rollups, wanted);
    await this.#archive.opened();
    await this.#ending;
    this.#demandRoom(tenant);
    const record: ReplayRecord = {
      spec: {
        ...{ id: randomBytes(4).toString('hex'), tenant, stream, rollups, share },
        fromMs: range.fromMs,
        toMs: Number.isFinite(range.toMs) ? range.toMs : undefined,
        notes: notesOn(range, wanted),
        startedMs: systemClock.now(),
      },
      state: request.apply ? 'applying' : 'running',
      allowLoss: request.allowLoss,
      ...{ rows: 0, rowsTotal: 0, workedMs: 0, rowsPerSecond: 0, differences: [] },
      ...{ firstEventMs: undefined, heldMs: undefined },
      ...{ finishedMs: undefined, problem: undefined },
    };
    this.#records.put(record);
    this.#begin(record);
    return record;
  }

  async apply(tenant: string, id: string, allowLoss: boolean): Promise<ReplayRecord> {
    const known = this.#recordOf(tenant, id);
    if (known.state === 'applied' || known.state === 'cancelled') {
      throw invalid(`replay "${id}" is ${known.state}: start another one`);
    }
    this.#demandRoom(tenant);
    await this.#archive.opened();
    await this.#ending;
    this.#demandRoom(tenant);
    const record: ReplayRecord = {
      ...known,
      ...{ state: 'applying', allowLoss, problem: undefined, finishedMs: undefined },
    };
    this.#records.put(record);
    this.#begin(record);
    return record;
  }

  async cancel(tenant: string, id: string): Promise<ReplayRecord> {
    const known = this.#recordOf(tenant, id);
    if (known.state === 'applied' || known.state === 'cancelled') return known;
    if (this.#running?.id === id) await this.#end();
    await this.#ending;
    // It may have been quicker.
    const ended = this.#recordOf(tenant, id);
    if (ended.state === 'applied') return ended;
    const cancelled = this.#finish(id, { state: 'cancelled' });
    this.#records.clear(id);
    return cancelled;
  }

  list(tenant: string): readonly ReplayRecord[] {
    return this.#records
      .all()
      .filter(({ spec }) => spec.tenant === tenant)
      .reverse();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#end();
    await this.#ending;
  }

  async #resume(record: ReplayRecord): Promise<void> {
    const { logger } = this.#base;
    try {
      await this.#archive.opened();
      if (this.#isClosed) return;
      this.#demandRoom(record.spec.tenant);
      this.#begin(record);
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      logger.warn({ err: error, replay: record.spec.id }, 'a replay cannot go on');
      this.#finish(record.spec.id, { state: 'failed', problem });
    }
  }

  #begin(record: ReplayRecord): void {
    const { config, state, source, shared, progress, logger } = this.#base;
    const { id } = record.spec;
    logger.info({ replay: id, state: record.state }, 'a replay is at work');
    const worker = new ReplayWorker({
      data: {
        ...{ record, folder: this.#records.folderOf(id), partitions: config.partitions },
        archive: archiveSettings(config),
        memoryBytesMax: config.archive.memoryBytesMax,
        cacheBytesMax: config.cold.cacheBytesMax,
        ...{ source, shared: shared.buffer, progress: progress.buffer },
        ...{ state: state.handle, logging: config.logging },
      },
      hold: this.#hold,
      onNews: (news) => this.#hear(id, news),
      onFailed: ({ message }) => {
        if (this.#running?.id !== id) return;
        this.#finish(id, { state: 'failed', problem: message });
        void this.#end();
      },
    });
    this.#running = { id, worker };
  }

  #hear(id: string, news: ReplayNews): void {
    const known = this.#records.get(id);
    // While it is being ended too: it may have swapped already.
    if (known === undefined || !isAtWork(known.state)) return;
    this.#records.tell({ ...known, ...news });
    if (news.state === undefined) return;
    this.#finish(id, news);
    void this.#end();
  }

  #finish(id: string, news: Partial<Pick<ReplayRecord, 'state' | 'problem'>>): ReplayRecord {
    const known = this.#records.get(id) as ReplayRecord;
    const record = { ...known, ...news, finishedMs: systemClock.now() };
    this.#records.put(record);
    this.#base.logger.info({ replay: id, state: record.state }, 'a replay has ended');
    // It has changed rows of partitions whose positions stay.
    if (record.state === 'applied') this.#base.checkpoints?.renew();
    return record;
  }

  /** Of its thread. A shadow that nobody will need again is removed then. */
  #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return this.#ending;
    this.#ending = running.worker.close().then(() => {
      const state = this.#records.get(running.id)?.state;
      if (state === 'applied' || state === 'cancelled') this.#records.clear(running.id);
    });
    return this.#ending;
  }

  #demandRoom(tenant: string): void {
    if (this.#isClosed) throw new AppError('query_overload', 'the server is stopping');
    if (this.#running === undefined) return;
    const { id } = this.#running;
    const isOwn = this.#records.get(id)?.spec.tenant === tenant;
    throw new AppError(
      'query_overload',
      isOwn
        ? `replay "${id}" is at work: wait for it, or cancel it`
        : 'a replay of another tenant is at work: try again later',
    );
  }

  #recordOf(tenant: string, id: string): ReplayRecord {
    const record = this.#records.get(id);
    if (record?.spec.tenant === tenant) return record;
    throw invalid(`there is no replay "${id}"`);
  }

  #rollupsOf({ tenant, stream, rollup }: ReplayRequest): RollupDefinition[] {
    if (isSessionStream(stream)) {
      throw invalid(
        `sessions are counted as their events come, and not from segments: expected a stream of events, received "${stream}"`,
      );
    }
    // Those of alarm rules are not among them: what has been judged is not judged again.
    const asked = this.#base.declarations.asked.filter(askedBy(tenant));
    const ofStream = asked.filter((each) => each.stream === stream);
    const found = ofStream.filter(({ name }) => rollup === undefined || shownName(name) === rollup);
    if (found.length > 0) return found;
    const names = ofStream.map(({ name }) => `"${shownName(name)}"`).join(', ');
    throw invalid(
      rollup === undefined || names === ''
        ? `expected a stream with rollups, received "${stream}"`
        : `expected a rollup of stream "${stream}" (${names}), received "${rollup}"`,
    );
  }

  async #rangeOf(rollups: readonly RollupDefinition[], wanted: ReplayRange): Promise<ReplayRange> {
    const { config, state } = this.#base;
    let closedMs = Number.POSITIVE_INFINITY;
    for (let partition = 0; partition < config.partitions; partition++) {
      const watermarkMs = (await loadHead(state, partition))?.state.watermarkMs;
      if (watermarkMs === undefined || !Number.isFinite(watermarkMs)) continue;
      for (const rollup of rollups) {
        closedMs = Math.min(closedMs, closedTo(rollup, watermarkMs).at(-1) ?? closedMs);
      }
    }
    return wholeBuckets(rollups, wanted, closedMs, systemClock.now());
  }
}

const isAtWork = (state: ReplayState): boolean => state === 'running' || state === 'applying';

function notesOn(range: ReplayRange, wanted: ReplayRange): string[] {
  const notes: string[] = [];
  if (range.fromMs !== wanted.fromMs) {
    notes.push(`begins at ${iso(range.fromMs)}, with the first whole bucket that is kept`);
  }
  if (range.toMs === Number.POSITIVE_INFINITY) {
    notes.push('goes up to now: not every bucket before the end that was asked for is closed');
  } else if (range.toMs !== wanted.toMs) {
    notes.push(`ends at ${iso(range.toMs)}, with the last whole bucket`);
  }
  return notes;
}

const invalid = (message: string): AppError => new AppError('query_invalid', message);
