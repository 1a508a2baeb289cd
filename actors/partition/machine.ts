/**
 * What a partition knows, as a function of its log: no IO, no clock, no await. *Now* is the arrival time of the
 * block at hand. The actor feeds it blocks in order and writes what `takeCommit` answers; a machine that is restored
 * from any commit and fed the blocks behind it becomes the same machine. The simulation drives it without either.
 */
import assert from 'node:assert/strict';
import type { BlockColumns } from '../../src/aggregate/block-columns.ts';
import type { SessionRows } from '../../src/aggregate/session.ts';
import { Block, headOf, readControl } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { isDropLettersControl } from '../../src/model/dead-letter.ts';
import { AppError } from '../../src/model/errors.ts';
import { assertNever } from '../../src/model/result.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import { definitionsKey, partitionStateKey } from '../../storage/state/keys.ts';
import type { Verdict } from '../../storage/state/rows.ts';
import { Accounts, type MachineCounters, NO_EVENTS, zeroCounters } from './accounts.ts';
import type { Commit, Written } from './commit.ts';
import { DeadLetters } from './dead-letters.ts';
import { Dedup, type DedupBounds, type DedupWindow } from './dedup.ts';
import type { Definitions } from './definitions.ts';
import { Fields } from './fields.ts';
import type { LedgerLine } from './ledger.ts';
import { type LeftOut, leaveOut, leaveOutErased } from './left-out.ts';
import { Producers } from './producers.ts';
import type { CollectRequest, PartialsReply, PartialsRequest } from './protocol.ts';
import { type Collection, type RollupContent, Rollups } from './rollups.ts';
import { type SessionContent, Sessions } from './sessions.ts';
import { encodePartitionState, isRollupsControl, type PartitionSnapshot } from './snapshot.ts';
import { Verdicts } from './verdicts.ts';

export interface MachineOptions {
  readonly partition: number;
  readonly dedup: DedupBounds;
  readonly dedupSeed: readonly [number, number];
  /** Kept per tenant. */
  readonly deadLettersMax: number;
  /** Shared by the machines of a thread: holds one block at a time. */
  readonly columns: BlockColumns;
}

/** What the actor has to do after a block. */
export interface Effects {
  /** Much waits for the commit: write it now. */
  readonly commit: boolean;
  /** Commit now, then load the rollups again: a definition has changed that keeps its rows. */
  readonly reload: boolean;
}

/** Closed rows, amendments, verdicts and dead letters that may wait in memory for the commit's time. */
const COMMIT_BYTES_MAX = 8 * 1024 * 1024;

const NOTHING_TO_DO: Effects = { commit: false, reload: false };

export class PartitionMachine {
  readonly partition: number;
  readonly #columns: BlockColumns;
  readonly #dedup: Dedup;
  readonly #producers: Producers;
  readonly #accounts: Accounts;
  readonly #deadLetters: DeadLetters;
  readonly #rollups: Rollups;
  readonly #sessions: Sessions;
  readonly #verdicts: Verdicts;
  readonly #fields: Fields;
  #position: number;
  #appliedEnd: number;
  #watermarkMs: number;
  #committedWatermarkMs: number;
  #nowMs: number;
  #isRelearning: boolean;
  #mustReload = false;
  #definitionsChanged = false;
  #keep = new Uint8Array(8_192);

  constructor(
    options: MachineOptions,
    snapshot: PartitionSnapshot,
    counters: MachineCounters = zeroCounters(),
  ) {
    const { partition, dedup, dedupSeed, deadLettersMax, columns } = options;
    this.partition = partition;
    this.#columns = columns;
    this.#dedup = new Dedup(dedup, dedupSeed, snapshot.generations);
    this.#producers = new Producers(snapshot.producers);
    this.#accounts = new Accounts(partition, snapshot, counters);
    this.#verdicts = new Verdicts(partition);
    this.#deadLetters = new DeadLetters(partition, deadLettersMax, snapshot.deadLetterCounts);
    this.#rollups = new Rollups(partition, snapshot.definitions);
    this.#sessions = new Sessions(partition, counters, snapshot.definitions?.sessions);
    this.#fields = new Fields(partition, snapshot.fields, snapshot.fieldsPaidToMs);
    this.#position = snapshot.position;
    this.#appliedEnd = snapshot.position;
    this.#watermarkMs = snapshot.watermarkMs;
    this.#committedWatermarkMs = snapshot.watermarkMs;
    this.#nowMs = snapshot.nowMs;
    this.#isRelearning = snapshot.generations.length > 0;
    this.#rollups.restore(snapshot.rollups, snapshot.watermarkMs);
    this.#sessions.restore(snapshot.sessions);
  }

  /** Every block before it is applied. */
  get position(): number {
    return this.#position;
  }
  /**
   * Behind the last block of this partition that is applied: the next commit reaches it. Of an idle partition the position moves on with
   * the log, and may stay uncommitted as long as it is idle.
   */
  get appliedEnd(): number {
    return this.#appliedEnd;
  }
  /** The log is needed from here on: older blocks are no use even after a crash. */
  get neededFrom(): number {
    return Math.min(this.#position, this.#dedup.from ?? this.#position);
  }
  /** The greatest min(ts, arrival) of all events, and the time of heartbeats; lateness is not subtracted. */
  get watermarkMs(): number {
    return this.#watermarkMs;
  }
  /** The newest arrival. */
  get nowMs(): number {
    return this.#nowMs;
  }
  get definitions(): Definitions | undefined {
    return this.#rollups.definitions;
  }
  get window(): DedupWindow {
    return this.#dedup.window();
  }
  get series(): number {
    return this.#rollups.series;
  }

  get openSessions(): number {
    return this.#sessions.count;
  }

  overflows(): ReturnType<Rollups['overflows']> {
    return this.#rollups.overflows();
  }

  /** True if a heartbeat would do something, when the log has been read to `offset` without a block. */
  wantsHeartbeatAt(offset: number): boolean {
    const isWaiting = this.#rollups.waiting || this.#sessions.count > 0;
    return isWaiting || this.#dedup.isOverdueAt(offset);
  }

  /**
   * Takes back the ids of a block before the position, to rebuild the window of duplicates after a restart: all
   * blocks from `neededFrom` on, in order. `verdict`: as it was committed, if rows were dropped.
   */
  relearn(logged: LoggedBlock, verdict: Verdict | undefined): void {
    assert(logged.offset < this.#position, 'a block behind the position is to be applied');
    if (verdict !== undefined && verdict.dropped === verdict.rows) return;
    const block = new Block(logged.bytes);
    if (block.kind !== BLOCK_KIND.events) return;
    const ids = this.#columns.load(block).ids();
    if (ids === undefined) return;
    const keep = this.#keepAll(block.rows);
    for (let row = 0; verdict !== undefined && row < block.rows; row++) {
      if (verdict.isDropped(row)) keep[row] = 0;
    }
    leaveOutErased(block, keep);
    this.#dedup.relearn(scopeOf(block), ids, block.rows, keep, logged.offset);
  }

  /**
   * Applies the next block. May throw on a block that it cannot digest: then this machine is of no use any more, and
   * its successor is restored from the last commit.
   */
  apply(logged: LoggedBlock, leftOut?: LeftOut): Effects {
    this.#begin(logged);
    const block = new Block(logged.bytes);
    this.#nowMs = Math.max(this.#nowMs, block.arrivalMs);
    this.#accounts.counters.blocks += 1;
    let effects = NOTHING_TO_DO;
    switch (block.kind) {
      case BLOCK_KIND.events:
        effects = this.#applyEvents(block, logged.offset, leftOut);
        break;
      case BLOCK_KIND.deadLetters:
        effects = this.#applyDeadLetters(block, logged.offset);
        break;
      case BLOCK_KIND.control:
        effects = this.#applyControl(block);
        break;
      case BLOCK_KIND.heartbeat:
        // The partition was idle until now: whatever comes will have arrived later.
        effects = this.#effects(this.#advance(Math.max(this.#watermarkMs, this.#nowMs)));
        break;
      default:
        assertNever(block.kind);
    }
    this.#position = logged.nextOffset;
    this.#appliedEnd = logged.nextOffset;
    return effects;
  }

  /**
   * Passes over a block that cannot be applied even without its rows. Perhaps it cannot be read at all: from its header
   * the ledger knows what was refused, and its verdict keeps it from being tried again when ids are learned anew.
   */
  skip(logged: LoggedBlock): void {
    this.#begin(logged);
    const head = headOf(logged.bytes);
    const { received, rows } = head;
    this.#nowMs = Math.max(this.#nowMs, head.arrivalMs);
    this.#accounts.counters.blocks += 1;
    this.#verdicts.drop(logged.offset, rows);
    this.#accounts.add(head, this.#nowMs, { ...NO_EVENTS, received, poison: received });
    this.#position = logged.nextOffset;
    this.#appliedEnd = logged.nextOffset;
  }

  /** Every block of this partition before `offset` has been handed over. */
  advanceTo(offset: number): void {
    if (offset < this.#position) return;
    this.#endRelearning();
    this.#position = offset;
  }

  /** Everything since the last commit. Nothing may be applied until `committed` is called. */
  takeCommit(): Commit {
    this.#rollups.advance(this.#watermarkMs);
    const { partition } = this;
    const { clears, ops, merges } = this.#rollups.changes();
    for (const op of this.#sessions.changes()) ops.push(op);
    for (const op of this.#verdicts.changes()) ops.push(op);
    for (const op of this.#accounts.changes()) ops.push(op);
    for (const op of this.#fields.changes()) ops.push(op);
    if (this.#definitionsChanged) {
      const value = Buffer.from(JSON.stringify(this.#rollups.definitions));
      ops.push({ key: definitionsKey(partition), value });
    }
    ops.push({
      key: partitionStateKey(partition),
      value: encodePartitionState({
        position: this.#position,
        watermarkMs: this.#watermarkMs,
        nowMs: this.#nowMs,
        producers: this.#producers.marks(),
        generations: this.#dedup.marks(),
        fieldsPaidToMs: this.#fields.paidToMs,
      }),
    });
    return {
      position: this.#position,
      neededFrom: this.neededFrom,
      clears,
      ops,
      merges,
      letters: this.#deadLetters.changes(),
      sweeps: [
        ...this.#rollups.takeSweeps(this.#watermarkMs, this.#nowMs),
        ...this.#accounts.takeSweeps(this.#nowMs),
      ],
    };
  }

  /** `letters`: what writing the commit has answered of them. */
  committed(letters: Written['letters']): void {
    this.#committedWatermarkMs = this.#watermarkMs;
    this.#rollups.committed();
    this.#sessions.committed();
    this.#accounts.committed();
    this.#fields.committed();
    this.#verdicts.committed();
    this.#deadLetters.committed(letters);
    this.#definitionsChanged = false;
  }

  /**
   * The rollups as they are stored: after the commit that a changed definition asked for, or when somebody else has changed them.
   * Then the open sessions, too.
   */
  reload(
    contents: readonly RollupContent[],
    definitions = this.definitions,
    sessions?: readonly SessionContent[],
  ): void {
    this.#rollups.restore(contents, this.#watermarkMs, definitions);
    if (sessions !== undefined) this.#sessions.restore(sessions);
    this.#mustReload = false;
  }

  /** To be called before `collect`, which reads only. */
  closeDue({ tenant, rollup }: CollectRequest): void {
    this.#rollups.advanceOne(tenant, rollup, this.#watermarkMs);
  }

  /** Throws `rollup_changing`. */
  collect(request: CollectRequest): Collection & { readonly watermarkMs: number } {
    return {
      ...this.#rollups.collect(request, this.#watermarkMs),
      watermarkMs: this.#watermarkMs - this.#rollups.latenessMs(request.rollup),
    };
  }

  /** To be called before `partials`, which reads only. */
  closeAsked(request: PartialsRequest): void {
    this.#rollups.advanceAsked(request, this.#watermarkMs);
  }

  partials(request: PartialsRequest): PartialsReply {
    return {
      committedWatermarkMs: this.#committedWatermarkMs,
      answers: this.#rollups.partials(request, this.#watermarkMs),
    };
  }

  /** Lines that changed since the last commit: they replace stored ones. */
  ledgerChanges(): readonly LedgerLine[] {
    return this.#accounts.lines();
  }

  /** The verdict on a block since the last commit; older ones are stored. */
  recentVerdict(offset: number): Uint8Array | undefined {
    return this.#verdicts.at(offset);
  }

  #begin(logged: LoggedBlock): void {
    assert(logged.offset >= this.#position, 'a block before the position is applied again');
    assert(!this.#mustReload, 'changed rollups have not been loaded again');
    this.#endRelearning();
    this.#dedup.moveTo(logged.offset);
  }

  #endRelearning(): void {
    if (this.#isRelearning) this.#dedup.rebuilt(this.#position);
    this.#isRelearning = false;
  }

  #applyEvents(block: Block, offset: number, leftOut: LeftOut | undefined): Effects {
    const { rows, received } = block;
    if (this.#producers.isResent(block)) {
      this.#verdicts.drop(offset, rows);
      this.#accounts.add(block, this.#nowMs, { ...NO_EVENTS, received, duplicate: received });
      return this.#effects(0);
    }
    const columns = this.#columns.load(block);
    const keep = this.#keepAll(rows);
    const erased = leaveOutErased(block, keep);
    const poison =
      leftOut === undefined
        ? 0
        : leaveOut(leftOut, block, { offset, nowMs: this.#nowMs }, keep, this.#deadLetters);
    const ids = columns.ids();
    const duplicate =
      ids === undefined
        ? 0
        : this.#dedup.judge(scopeOf(block), ids, rows, keep, offset, this.#nowMs);
    const dropped = duplicate + poison + erased;
    if (dropped > 0) this.#verdicts.drop(offset, rows, keep);
    const before = this.#watermarkMs;
    const newest = Math.min(block.tsMaxMs, this.#nowMs);
    const after = Math.max(before, Number.isFinite(newest) ? newest : this.#nowMs);
    const mask = dropped > 0 ? keep : undefined;
    if (dropped < rows) this.#fields.look(block, columns, mask, rows - dropped, this.#nowMs);
    const folded =
      dropped === rows ? undefined : this.#rollups.fold(columns, mask, before, after, this.#nowMs);
    if (dropped < rows) this.#sessions.fold(columns, mask, before, this.#nowMs);
    const { clamped = 0, expired = 0, late = 0, pendingBytes = 0 } = folded ?? {};
    this.#accounts.add(block, this.#nowMs, {
      received,
      // They were, once: the ledger tells apart what was erased since.
      applied: rows - dropped + erased,
      duplicate,
      rejected: block.rejected,
      poison,
      late,
      clamped,
      expired,
    });
    return this.#effects(Math.max(pendingBytes, this.#advance(after)));
  }

  /**
   * Counts the sessions that end by it: each on time, as its rollups wait for as long as a session may last after its last event.
   * Answers about how many bytes of their rollups wait for the next commit.
   */
  #advance(watermarkMs: number): number {
    const before = this.#watermarkMs;
    this.#watermarkMs = watermarkMs;
    return this.#countSessions(this.#sessions.endedBy(watermarkMs), before);
  }

  #countSessions(ended: readonly SessionRows[], before: number): number {
    let pendingBytes = 0;
    for (const rows of ended) {
      const columns = this.#columns.read(rows);
      const folded = this.#rollups.fold(columns, undefined, before, this.#watermarkMs, this.#nowMs);
      pendingBytes += folded.pendingBytes;
    }
    return pendingBytes;
  }

  #applyDeadLetters(block: Block, offset: number): Effects {
    const { received, rejected } = block;
    if (this.#producers.isResent(block)) {
      this.#accounts.add(block, this.#nowMs, { ...NO_EVENTS, received, duplicate: received });
      return NOTHING_TO_DO;
    }
    this.#deadLetters.fold(block, offset, this.#nowMs);
    this.#accounts.add(block, this.#nowMs, { ...NO_EVENTS, received, rejected });
    return this.#effects(0);
  }

  #applyControl(block: Block): Effects {
    const control = readControl(block);
    if (isDropLettersControl(control)) {
      this.#deadLetters.drop(control);
      // At once, so that whoever sent them again does not see them any more.
      return { commit: true, reload: false };
    }
    if (!isRollupsControl(control)) {
      throw new AppError(
        'block_corrupt',
        'a control block must be of type "setRollups" or "dropDeadLetters"',
      );
    }
    const before = this.#rollups.definitions;
    if (before === undefined || control.version > before.version) {
      // While their rollups are as they were: what becomes of their rows is for the rollups' own succession.
      this.#countSessions(this.#sessions.declare(control.sessions), this.#watermarkMs);
    }
    const reload = this.#rollups.declare(control, this.#watermarkMs, this.#nowMs);
    this.#definitionsChanged ||= this.#rollups.definitions !== before;
    this.#mustReload = reload;
    // At once, so that what is dropped is gone before rows of the same name can come.
    return { commit: true, reload };
  }

  #effects(pendingBytes: number): Effects {
    const waiting = pendingBytes + this.#verdicts.waitingBytes + this.#deadLetters.waitingBytes;
    return waiting > COMMIT_BYTES_MAX ? { commit: true, reload: false } : NOTHING_TO_DO;
  }

  #keepAll(rows: number): Uint8Array {
    if (rows > this.#keep.length) this.#keep = new Uint8Array(rows * 2);
    return this.#keep.fill(1, 0, rows);
  }
}

const scopeOf = ({ tenant, stream }: Block): string => `${tenant}\0${stream}`;
