/** The rollups of a partition: which definitions hold, and one state per tenant and definition. Pure. */

import type { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { mergeRows } from '../../src/aggregate/bucket-row.ts';
import { layoutOf } from '../../src/aggregate/layout.ts';
import { type FoldCounts, RollupState, type StoredRow } from '../../src/aggregate/rollup.ts';
import type { OverflowReport } from '../../src/aggregate/series-index.ts';
import { bucketOf, closedTo, expiredBeforeMs, tierOf } from '../../src/aggregate/tiers.ts';
import { AppError } from '../../src/model/errors.ts';
import { identityOf, type RollupDefinition, type RollupsControl } from '../../src/model/rollup.ts';
import {
  liveRollupKey,
  rollupRange,
  rollupRowKey,
  rollupRowRange,
  seriesKey,
  seriesRange,
} from '../../storage/state/keys.ts';
import { encodeSeriesLabels } from '../../storage/state/rows.ts';
import type { KeyRange, StateOp } from '../../storage/state/state.ts';
import { closedPart, ReplyRoom } from './partials.ts';
import type {
  CollectRequest,
  PartialsAnswer,
  PartialsAsk,
  PartialsRequest,
  RollupRow,
  SeriesLabels,
} from './protocol.ts';

/**
 * The definitions in effect, as a commit stores them. A rollup whose lateness was raised would take closed buckets for
 * open again, of which finer rows may be gone. So its own watermark is held where they stay closed, until the partition's
 * has come there.
 */
export interface Definitions extends RollupsControl {
  readonly heldMs?: Readonly<Record<string, number>>;
  /** Of each frozen rollup. */
  readonly began?: Readonly<Record<string, Beginning>>;
}

/** Where in the log a rollup was declared as it is now: what came before is not in it. */
interface Beginning {
  /** Of the control block. */
  readonly version: number;
  /** The watermark there; before the first event, the time. */
  readonly atMs: number;
}

/** The watermark of a rollup when the partition's is `watermarkMs`. */
export const rollupWatermark = (
  definitions: Definitions | undefined,
  rollup: string,
  watermarkMs: number,
): number => Math.max(watermarkMs, definitions?.heldMs?.[rollup] ?? Number.NEGATIVE_INFINITY);

/** What is stored of one tenant's rollup: all series, and the rows that open buckets need. */
export interface RollupContent {
  readonly tenant: string;
  readonly rollup: string;
  readonly series: readonly SeriesLabels[];
  readonly rows: readonly StoredRow[];
}

/** A row that must be merged into the stored one, or stored if there is none. */
export interface RowMerge {
  readonly key: Uint8Array;
  readonly bytes: Uint8Array;
}

export interface RollupChanges {
  /** Ranges to delete before everything else: what is written below may lie in them. */
  readonly clears: KeyRange[];
  readonly ops: StateOp[];
  readonly merges: RowMerge[];
}

export interface Collection {
  readonly closedToMs: readonly number[];
  readonly rows: readonly RollupRow[];
  readonly deltas: readonly RollupRow[];
  readonly series: readonly SeriesLabels[];
}

interface Declared {
  readonly definition: RollupDefinition;
  readonly identity: string;
}

interface LiveRollup {
  readonly tenant: string;
  readonly state: RollupState;
  /** The store knows of it. */
  isStored: boolean;
  /** Per resolution: rows that end before it have been deleted since the start. */
  readonly sweptBeforeMs: number[];
  /** Of a frozen rollup: where its follower would read on from, as it last said. */
  neededFromMs: number;
}

/** A tier is swept when this part of its retention has passed again: each sweep is a tombstone that readers meet. */
const SWEEP_PART = 1 / 32;

/**
 * Memory for closed rows of frozen rollups that are stored already; each gets an equal part. They are there for a follower
 * that asks several times a second, and what it does not find here it reads from the store.
 */
const CLOSED_BYTES_MAX = 4 * 1024 * 1024;

/**
 * What a follower has not read is kept for it for so long, in arrival time: a server that stood still for days must not have
 * swept what it has to judge first, nor a follower that never comes back fill the disk. Sets what the longest stop may be.
 */
const UNREAD_KEPT_MS = 7 * 86_400_000;

const NO_COUNTS: FoldCounts = { clamped: 0, expired: 0, filtered: 0, late: 0 };

export class Rollups {
  readonly #partition: number;
  #definitions: Definitions | undefined;
  #byName = new Map<string, Declared>();
  #byStream = new Map<string, RollupDefinition[]>();
  /** By stream, then tenant: as far as it was asked for. Only streams that some rollup is of. */
  #ofTenant = new Map<string, Map<string, readonly RollupDefinition[]>>();
  #hasFrozen = false;
  /** By rollup name, then tenant. */
  readonly #live = new Map<string, Map<string, LiveRollup>>();
  readonly #dropped: { tenant: string; rollup: string }[] = [];
  /** Their states have the definition of before: the clock of the new one is not theirs. */
  readonly #toReload = new Set<string>();

  constructor(partition: number, definitions: Definitions | undefined) {
    this.#partition = partition;
    this.#use(definitions);
  }

  /** The definitions in effect; undefined before the first control block. */
  get definitions(): Definitions | undefined {
    return this.#definitions;
  }

  get series(): number {
    let states = 0;
    for (const live of this.#all()) states += live.state.seriesCount;
    return states;
  }

  /** The rollups that have more combinations of labels than series, and since their states were made, how much more. */
  *overflows(): Generator<{ tenant: string; rollup: string; report: OverflowReport }> {
    for (const { tenant, state } of this.#all()) {
      const report = state.overflow();
      if (report !== undefined) yield { tenant, rollup: state.definition.name, report };
    }
  }

  /** True while some bucket waits for the watermark, or someone for the next tick of a frozen rollup, even an empty one. */
  get waiting(): boolean {
    if (this.#hasFrozen) return true;
    for (const { state } of this.#all()) if (state.waiting) return true;
    return false;
  }

  /** Takes back what was committed, and replaces what is in memory of it. */
  restore(contents: readonly RollupContent[], watermarkMs: number): void {
    this.#live.clear();
    this.#toReload.clear();
    for (const { tenant, rollup, series, rows } of contents) {
      const definition = this.#byName.get(rollup)?.definition;
      if (definition === undefined) continue;
      const live = this.#begin(tenant, definition, watermarkMs);
      live.isStored = true;
      live.state.restore(series, rows);
    }
  }

  /**
   * Makes these the definitions. A rollup that is gone, or that now means other rows, loses its rows. Answers true if
   * one changed that keeps them: its state must be loaded again, with the new definition, from the next commit.
   */
  declare(control: RollupsControl, watermarkMs: number, nowMs: number): boolean {
    const known = this.#definitions;
    if (known !== undefined && control.version <= known.version) return false;
    const heldMs: Record<string, number> = {};
    const began: Record<string, Beginning> = {};
    const { version } = control;
    for (const after of control.rollups) {
      const before = this.#byName.get(after.name)?.definition;
      if (after.frozen) {
        const goesOn = before !== undefined && rowsOf(before) === rowsOf(after);
        const atMs = Number.isFinite(watermarkMs) ? watermarkMs : nowMs;
        began[after.name] = (goesOn && known?.began?.[after.name]) || { version, atMs };
      }
      if (before === undefined || rowsOf(before) !== rowsOf(after)) continue;
      const soonerMs = before.latenessMs - after.latenessMs;
      const closedMs = this.#watermark(after.name, watermarkMs) - soonerMs;
      if (closedMs > watermarkMs) heldMs[after.name] = closedMs;
      if (identityOf(before) === identityOf(after)) continue;
      this.#toReload.add(after.name);
      // What the new lateness takes for closed must be closed in what is stored.
      for (const { state } of this.#live.get(after.name)?.values() ?? []) {
        state.advance(Math.max(watermarkMs, closedMs) + soonerMs);
      }
    }
    const kept = new Map(control.rollups.map((after) => [after.name, after]));
    for (const [rollup, tenants] of this.#live) {
      const before = this.#byName.get(rollup)?.definition;
      const after = kept.get(rollup);
      if (before !== undefined && after !== undefined && rowsOf(before) === rowsOf(after)) continue;
      for (const tenant of tenants.keys()) this.#dropped.push({ tenant, rollup });
      this.#live.delete(rollup);
    }
    this.#use({ ...control, heldMs, began });
    return this.#toReload.size > 0;
  }

  /**
   * Folds a block into every rollup of its tenant and stream. `before` is the watermark without the block, `after` with
   * it: closing first what was already complete makes lateness a function of the log, not of when commits were.
   */
  fold(
    columns: BlockColumns,
    keep: Uint8Array | undefined,
    before: number,
    after: number,
    nowMs: number,
  ): FoldCounts & { pendingBytes: number } {
    const { tenant, stream } = columns.block;
    const definitions = this.#declaredFor(tenant, stream);
    if (definitions.length === 0) return { ...NO_COUNTS, pendingBytes: 0 };
    const sum = { ...NO_COUNTS, pendingBytes: 0 };
    let leastFiltered = Number.POSITIVE_INFINITY;
    for (const definition of definitions) {
      const { state } = this.#stateOf(tenant, definition, before);
      state.advance(this.#watermark(definition.name, before));
      const counts = state.fold(columns, keep, this.#watermark(definition.name, after), nowMs);
      sum.clamped = Math.max(sum.clamped, counts.clamped);
      sum.late = Math.max(sum.late, counts.late);
      sum.pendingBytes += state.pendingBytes;
      if (definition.frozen) continue;
      // Expired is what no rollup could take: one that wanted only some rows cannot tell about the others.
      if (counts.filtered < leastFiltered) sum.expired = counts.expired;
      if (counts.filtered === leastFiltered) sum.expired = Math.min(sum.expired, counts.expired);
      leastFiltered = Math.min(leastFiltered, counts.filtered);
      sum.filtered += counts.filtered;
    }
    return sum;
  }

  advance(watermarkMs: number): void {
    for (const { state } of this.#all()) {
      const { name } = state.definition;
      if (!this.#toReload.has(name)) state.advance(this.#watermark(name, watermarkMs));
    }
  }

  changes(): RollupChanges {
    const partition = this.#partition;
    const clears: KeyRange[] = [];
    const ops: StateOp[] = [];
    const merges: RowMerge[] = [];
    for (const { tenant, rollup } of this.#dropped) {
      // Rows first: rows without their series would be a lie, series without rows are only names.
      clears.push(rollupRange(partition, tenant, rollup), seriesRange(partition, tenant, rollup));
      ops.push({ key: liveRollupKey(partition, tenant, rollup), value: undefined });
    }
    for (const { tenant, state, isStored } of this.#all()) {
      const rollup = state.definition.name;
      if (!isStored) ops.push({ key: liveRollupKey(partition, tenant, rollup), value: EMPTY });
      const { rows, newSeries } = state.changes();
      for (const { id, labels } of newSeries) {
        const key = seriesKey(partition, tenant, rollup, id);
        ops.push({ key, value: encodeSeriesLabels(labels) });
      }
      for (const { mode, bytes, ...at } of rows) {
        const key = rollupRowKey({ partition, tenant, rollup, ...at });
        if (mode === 'put') ops.push({ key, value: bytes });
        else merges.push({ key, bytes });
      }
    }
    return { clears, ops, merges };
  }

  committed(): void {
    this.#dropped.length = 0;
    for (const live of this.#all()) {
      live.state.committed();
      live.isStored = true;
    }
    this.#trimClosed();
  }

  /**
   * Rows that are past their retention, once enough of them are. May be deleted when the commit is written. That of a frozen
   * rollup counts from where its follower is: time also passes while nobody can read.
   */
  takeSweeps(watermarkMs: number, nowMs: number): KeyRange[] {
    const sweeps: KeyRange[] = [];
    for (const { tenant, state, sweptBeforeMs, neededFromMs } of this.#all()) {
      const { definition } = state;
      if (this.#toReload.has(definition.name)) continue;
      const readToMs = Math.min(nowMs, Math.max(neededFromMs, nowMs - UNREAD_KEPT_MS));
      const fromMs = definition.frozen ? readToMs : nowMs;
      const groups = layoutOf(definition).sketches.length + 1;
      definition.resolutions.forEach(({ stepMs, retentionMs }, tier) => {
        const closed = this.#watermark(definition.name, watermarkMs);
        const beforeMs = expiredBeforeMs(definition, stepMs, closed, fromMs);
        const toMs = Math.floor(beforeMs / stepMs) * stepMs;
        const due = (sweptBeforeMs[tier] ?? 0) + Math.max(stepMs, retentionMs * SWEEP_PART);
        if (!(toMs >= due)) return;
        sweptBeforeMs[tier] = toMs;
        for (let group = 0; group < groups; group++) {
          const at = { partition: this.#partition, tenant, rollup: definition.name, stepMs, group };
          sweeps.push(rollupRowRange(at, 0, toMs));
        }
      });
    }
    return sweeps;
  }

  /** To be called before `collect`, which reads only: closes what is complete. */
  advanceOne(tenant: string, rollup: string, watermarkMs: number): void {
    const live = this.#live.get(rollup)?.get(tenant);
    live?.state.advance(this.#watermark(rollup, watermarkMs));
  }

  /** Throws `rollup_changing` if the definition in effect is not the one that is asked for. */
  collect({ tenant, rollup, identity, ...range }: CollectRequest, watermarkMs: number): Collection {
    const { definition, identity: declared } = this.#byName.get(rollup) ?? {};
    if (definition === undefined || declared !== identity) {
      throw new AppError('rollup_changing', `rollup "${rollup}" has another definition yet`, {
        partition: this.#partition,
      });
    }
    const live = this.#live.get(rollup)?.get(tenant);
    const closed = this.#watermark(rollup, watermarkMs);
    if (live === undefined) {
      const edges = closedTo(definition, closed);
      const closedToMs = range.steps.map((stepMs) => edges[tierOf(definition, stepMs)] as number);
      return { closedToMs, rows: [], deltas: [], series: [] };
    }
    const { rows, deltas, newSeries } = live.state.collect(range);
    const named = (row: StoredRow): RollupRow => ({ tenant, rollup, ...row });
    return {
      closedToMs: range.steps.map((stepMs) => live.state.closedToMs(stepMs)),
      rows: rows.map(named),
      deltas: deltas.map(named),
      series: newSeries,
    };
  }

  /** To be called before `partials`, which reads only. */
  advanceAsked({ asks }: PartialsRequest, watermarkMs: number): void {
    for (const { tenant, rollup, identity, neededFromMs } of asks) {
      this.advanceOne(tenant, rollup, watermarkMs);
      const live = this.#live.get(rollup)?.get(tenant);
      if (live === undefined || this.#byName.get(rollup)?.identity !== identity) continue;
      live.neededFromMs = Math.max(live.neededFromMs, neededFromMs);
    }
  }

  partials({ asks }: PartialsRequest, watermarkMs: number): (PartialsAnswer | undefined)[] {
    const room = new ReplyRoom();
    return asks.map((ask) => this.#partialsOf(ask, watermarkMs, room));
  }

  /** Lateness of a rollup; 0 if there is no such rollup. */
  latenessMs(rollup: string): number {
    return this.#byName.get(rollup)?.definition.latenessMs ?? 0;
  }

  *#all(): Generator<LiveRollup> {
    for (const tenants of this.#live.values()) yield* tenants.values();
  }

  #partialsOf(ask: PartialsAsk, watermarkMs: number, room: ReplyRoom): PartialsAnswer | undefined {
    const { definition, identity } = this.#byName.get(ask.rollup) ?? {};
    const began = this.#definitions?.began?.[ask.rollup];
    if (definition === undefined || identity !== ask.identity || began === undefined) return;
    const stepMs = definition.resolutions[0]?.stepMs ?? 1;
    const head = { generation: began.version, sinceMs: bucketOf(began.atMs + stepMs - 1, stepMs) };
    const closedToMs = closedTo(definition, watermarkMs)[0] as number;
    const live = this.#live.get(ask.rollup)?.get(ask.tenant);
    if (live !== undefined) return { ...head, ...closedPart(live.state, ask, closedToMs, room) };
    const rowsFromMs = Number.NEGATIVE_INFINITY;
    return { ...head, closedToMs, rowsFromMs, rows: [], series: [], seriesCount: 0 };
  }

  #trimClosed(): void {
    if (!this.#hasFrozen) return;
    const frozen = [...this.#all()].filter(({ state }) => state.definition.frozen);
    for (const { state } of frozen) state.trimClosed(CLOSED_BYTES_MAX / frozen.length);
  }

  #declaredFor(tenant: string, stream: string): readonly RollupDefinition[] {
    const definitions = this.#byStream.get(stream);
    if (definitions === undefined) return NONE;
    const ofTenant = this.#ofTenant.get(stream) ?? new Map<string, readonly RollupDefinition[]>();
    let declared = ofTenant.get(tenant);
    if (declared === undefined) {
      declared = definitions.filter((each) => each.tenant === undefined || each.tenant === tenant);
      this.#ofTenant.set(stream, ofTenant.set(tenant, declared));
    }
    return declared;
  }

  #watermark(rollup: string, watermarkMs: number): number {
    return rollupWatermark(this.#definitions, rollup, watermarkMs);
  }

  #use(definitions: Definitions | undefined): void {
    const rollups = definitions?.rollups ?? [];
    this.#definitions = definitions;
    this.#byName = new Map(
      rollups.map((definition) => {
        return [definition.name, { definition, identity: identityOf(definition) }];
      }),
    );
    this.#byStream = Map.groupBy(rollups, ({ stream }) => stream);
    this.#ofTenant.clear();
    this.#hasFrozen = rollups.some(({ frozen }) => frozen);
  }

  #stateOf(tenant: string, definition: RollupDefinition, watermarkMs: number): LiveRollup {
    const known = this.#live.get(definition.name)?.get(tenant);
    return known ?? this.#begin(tenant, definition, watermarkMs);
  }

  #begin(tenant: string, definition: RollupDefinition, watermarkMs: number): LiveRollup {
    const state = new RollupState(definition, this.#watermark(definition.name, watermarkMs));
    const neededFromMs = Number.NEGATIVE_INFINITY;
    const live = { tenant, state, isStored: false, sweptBeforeMs: [], neededFromMs };
    const tenants = this.#live.get(definition.name) ?? new Map<string, LiveRollup>();
    tenants.set(tenant, live);
    this.#live.set(definition.name, tenants);
    return live;
  }
}

const EMPTY = new Uint8Array(0);
const NONE: readonly RollupDefinition[] = [];

/** Merges what is stored, if anything, with a delta of the same row. */
export const amended = (stored: Uint8Array | undefined, delta: Uint8Array): Uint8Array =>
  stored === undefined ? delta : mergeRows(stored, delta);

/**
 * What decides the meaning of stored rows: definitions that agree on it can share them. Of a frozen rollup that is all but how
 * much is kept: its rows must be what the whole log gives from where it began.
 */
function rowsOf(definition: RollupDefinition): string {
  const { stream, dimensions, measures, resolutions, tenant, frozen, normalize } = definition;
  const steps = resolutions.map(({ stepMs }) => stepMs);
  const { filter, latenessMs } = definition;
  const strict = frozen ? [filter, latenessMs] : [];
  return JSON.stringify([stream, dimensions, measures, steps, tenant, frozen, normalize, strict]);
}
