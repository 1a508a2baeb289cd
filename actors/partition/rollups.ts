/** The rollups of a partition: a state for each tenant and definition, fed, committed and asked together. Pure. */

import type { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { mergeRows } from '../../src/aggregate/bucket-row.ts';
import { layoutOf } from '../../src/aggregate/layout.ts';
import { type FoldCounts, RollupState, type StoredRow } from '../../src/aggregate/rollup.ts';
import type { OverflowReport } from '../../src/aggregate/series-index.ts';
import { bucketOf, closedTo, expiredBeforeMs, tierOf } from '../../src/aggregate/tiers.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition, RollupsControl } from '../../src/model/rollup.ts';
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
import { DeclaredRollups, type Definitions } from './definitions.ts';
import { closedPart, ReplyRoom } from './partials.ts';
import type {
  CollectRequest,
  PartialsAnswer,
  PartialsAsk,
  PartialsRequest,
  RollupRow,
  SeriesLabels,
} from './protocol.ts';

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
  #declared: DeclaredRollups;
  /** By rollup name, then tenant. */
  readonly #live = new Map<string, Map<string, LiveRollup>>();
  readonly #dropped: { tenant: string; rollup: string }[] = [];
  /** Their states have the definition of before: the clock of the new one is not theirs. */
  readonly #toReload = new Set<string>();

  constructor(partition: number, definitions: Definitions | undefined) {
    this.#partition = partition;
    this.#declared = new DeclaredRollups(definitions);
  }

  /** The definitions in effect; undefined before the first control block. */
  get definitions(): Definitions | undefined {
    return this.#declared.definitions;
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
    if (this.#declared.hasFrozen) return true;
    for (const { state } of this.#all()) if (state.waiting) return true;
    return false;
  }

  /** Takes back what was committed, and replaces what is in memory of it. */
  restore(
    contents: readonly RollupContent[],
    watermarkMs: number,
    definitions = this.definitions,
  ): void {
    if (definitions !== this.definitions) this.#declared = new DeclaredRollups(definitions);
    this.#live.clear();
    this.#toReload.clear();
    for (const { tenant, rollup, series, rows } of contents) {
      const definition = this.#declared.named(rollup)?.definition;
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
    const known = this.#declared.definitions;
    if (known !== undefined && control.version <= known.version) return false;
    const succession = this.#declared.succeededBy(control, watermarkMs, nowMs);
    for (const { rollup, closeToMs } of succession.changed) {
      this.#toReload.add(rollup);
      for (const { state } of this.#live.get(rollup)?.values() ?? []) state.advance(closeToMs);
    }
    for (const [rollup, tenants] of this.#live) {
      if (succession.kept.has(rollup)) continue;
      for (const tenant of tenants.keys()) this.#dropped.push({ tenant, rollup });
      this.#live.delete(rollup);
    }
    this.#declared = new DeclaredRollups(succession.definitions);
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
    const { tenant, stream } = columns.source;
    const declared = this.#declared;
    const definitions = declared.of(tenant, stream);
    if (definitions.length === 0) return { ...NO_COUNTS, pendingBytes: 0 };
    const sum = { ...NO_COUNTS, pendingBytes: 0 };
    let leastFiltered = Number.POSITIVE_INFINITY;
    for (const definition of definitions) {
      const { state } = this.#stateOf(tenant, definition, before);
      state.advance(declared.watermark(definition.name, before));
      const counts = state.fold(columns, keep, declared.watermark(definition.name, after), nowMs);
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
      if (!this.#toReload.has(name)) state.advance(this.#declared.watermark(name, watermarkMs));
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
        const closed = this.#declared.watermark(definition.name, watermarkMs);
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
    live?.state.advance(this.#declared.watermark(rollup, watermarkMs));
  }

  /** Throws `rollup_changing` if the definition in effect is not the one that is asked for. */
  collect({ tenant, rollup, identity, ...range }: CollectRequest, watermarkMs: number): Collection {
    const { definition, identity: declared } = this.#declared.named(rollup) ?? {};
    if (definition === undefined || declared !== identity) {
      throw new AppError('rollup_changing', `rollup "${rollup}" has another definition yet`, {
        partition: this.#partition,
      });
    }
    const live = this.#live.get(rollup)?.get(tenant);
    const closed = this.#declared.watermark(rollup, watermarkMs);
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
      if (live === undefined || this.#declared.named(rollup)?.identity !== identity) continue;
      live.neededFromMs = Math.max(live.neededFromMs, neededFromMs);
    }
  }

  partials({ asks }: PartialsRequest, watermarkMs: number): (PartialsAnswer | undefined)[] {
    const room = new ReplyRoom();
    return asks.map((ask) => this.#partialsOf(ask, watermarkMs, room));
  }

  /** Lateness of a rollup; 0 if there is no such rollup. */
  latenessMs(rollup: string): number {
    return this.#declared.named(rollup)?.definition.latenessMs ?? 0;
  }

  *#all(): Generator<LiveRollup> {
    for (const tenants of this.#live.values()) yield* tenants.values();
  }

  #partialsOf(ask: PartialsAsk, watermarkMs: number, room: ReplyRoom): PartialsAnswer | undefined {
    const { definition, identity } = this.#declared.named(ask.rollup) ?? {};
    const began = this.#declared.definitions?.began?.[ask.rollup];
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
    if (!this.#declared.hasFrozen) return;
    const frozen = [...this.#all()].filter(({ state }) => state.definition.frozen);
    for (const { state } of frozen) state.trimClosed(CLOSED_BYTES_MAX / frozen.length);
  }

  #stateOf(tenant: string, definition: RollupDefinition, watermarkMs: number): LiveRollup {
    const known = this.#live.get(definition.name)?.get(tenant);
    return known ?? this.#begin(tenant, definition, watermarkMs);
  }

  #begin(tenant: string, definition: RollupDefinition, watermarkMs: number): LiveRollup {
    const state = new RollupState(
      definition,
      this.#declared.watermark(definition.name, watermarkMs),
    );
    const neededFromMs = Number.NEGATIVE_INFINITY;
    const live = { tenant, state, isStored: false, sweptBeforeMs: [], neededFromMs };
    const tenants = this.#live.get(definition.name) ?? new Map<string, LiveRollup>();
    tenants.set(tenant, live);
    this.#live.set(definition.name, tenants);
    return live;
  }
}

const EMPTY = new Uint8Array(0);

/** Merges what is stored, if anything, with a delta of the same row. */
export const amended = (stored: Uint8Array | undefined, delta: Uint8Array): Uint8Array =>
  stored === undefined ? delta : mergeRows(stored, delta);
