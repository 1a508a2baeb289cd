/**
 * Lays the rebuilt rollup beside the live one, row by row, and says what would have to be written for the live one to be the
 * rebuilt one. A row that says the same is left as it is, bit by bit.
 */
import { BucketFold } from '../../src/aggregate/bucket-fold.ts';
import { encodeRow, mergeRowInto, restatedOf } from '../../src/aggregate/bucket-row.ts';
import { layoutOf, type RowLayout } from '../../src/aggregate/layout.ts';
import { OVERFLOW_SERIES } from '../../src/aggregate/series-index.ts';
import { closedTo, expiredBeforeMs, tierOf } from '../../src/aggregate/tiers.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import {
  liveRollupKey,
  parseRollupRowKey,
  type RollupRowAt,
  rollupRowKey,
  rollupRowRange,
  seriesIdOf,
  seriesKey,
  seriesRange,
} from '../../storage/state/keys.ts';
import { decodeSeriesLabels } from '../../storage/state/rows.ts';
import { type StateOp, type StateReader, type StateRow, scan } from '../../storage/state/state.ts';
import { type RowDifference, type TierDifference, TierDifferences } from './differences.ts';
import { ROWS_DIFFERING_MAX, SWAP_BYTES_MAX } from './limits.ts';
import type { ReplayRange } from './range.ts';

export interface CompareOptions {
  readonly tenant: string;
  readonly partitions: number;
  readonly rollups: readonly RollupDefinition[];
  readonly range: ReplayRange;
  /** `closed`: those that are open move on while they are looked at. */
  readonly buckets: 'closed' | 'all';
  readonly nowMs: number;
  /** Per partition, as both have come to it. */
  readonly watermarksMs: readonly number[];
}

/** Greatest bucket time that a key holds. */
const BUCKET_MS_MAX = 2 ** 48 - 1;
const RESTATED_AT = 8;
const RESTATED_END = 12;
/** While partitions hold still: each look costs, and a row may have 100 KB. */
const READ_AT_ONCE = 64;

interface Change {
  readonly tier: TierDifferences;
  readonly difference: RowDifference;
  readonly op: StateOp;
}

/** Of one rollup in one partition. */
interface SeriesMatch {
  readonly labels: readonly (readonly (string | null)[])[];
  /** Id in the rebuilt rollup -> id in the live one; undefined: they are the same. */
  readonly toLive: Int32Array | undefined;
  /** Series that only the rebuilt one has, with their live ids. */
  readonly added: readonly StateOp[];
}

export class Comparison {
  readonly #live: StateReader;
  readonly #shadow: StateReader;
  readonly #options: CompareOptions;
  readonly #matches = new Map<string, SeriesMatch>();
  readonly #tiers = new Map<string, TierDifferences>();
  /** What the live store is to get, by key; an undefined value deletes. */
  readonly #changes = new Map<string, Change>();
  #bytes = 0;
  readonly #outdated = new Map<string, Uint8Array>();

  constructor(live: StateReader, shadow: StateReader, options: CompareOptions) {
    this.#live = live;
    this.#shadow = shadow;
    this.#options = options;
    for (const rollup of options.rollups) {
      for (const { stepMs } of rollup.resolutions) {
        this.#tiers.set(`${rollup.name}/${stepMs}`, new TierDifferences(rollup, stepMs));
      }
    }
  }

  /** As of the last look at each row. */
  differences(): TierDifference[] {
    for (const tier of this.#tiers.values()) tier.clear();
    for (const { tier, difference } of this.#changes.values()) tier.add(difference);
    return [...this.#tiers.values()].map((tier) => tier.summary());
  }

  /** All rows of the range. `pause` is called now and then. */
  async all(pause: () => Promise<void>): Promise<void> {
    const { partitions, rollups } = this.#options;
    for (let partition = 0; partition < partitions; partition++) {
      for (const rollup of rollups) {
        await this.#match(partition, rollup);
        const groups = layoutOf(rollup).sketches.length + 1;
        for (const { stepMs } of rollup.resolutions) {
          for (let group = 0; group < groups; group++) {
            await this.#range(partition, rollup, stepMs, group);
            await pause();
          }
        }
      }
    }
  }

  /** True while the series are matched as `all` found them. */
  async isStillMatched(): Promise<boolean> {
    const { partitions, rollups } = this.#options;
    for (let partition = 0; partition < partitions; partition++) {
      for (const rollup of rollups) {
        const before = this.#matches.get(`${partition}/${rollup.name}`);
        const now = await this.#match(partition, rollup);
        const then = before?.toLive ?? new Int32Array(0);
        const isPrefix = then.every((id, i) => id === (now.toLive?.[i] ?? i));
        if (before === undefined || !isPrefix) return false;
        if (before.toLive === undefined && now.toLive !== undefined) return false;
      }
    }
    return true;
  }

  /** Rows of these keys have changed since they were looked at. */
  readonly outdate = (keys: readonly Uint8Array[]): void => {
    for (const key of keys) this.#outdated.set(nameOf(key), key);
  };

  /** Looks again at what is outdated. */
  async again(): Promise<void> {
    const { tenant, rollups } = this.#options;
    const keys = [...this.#outdated.values()];
    for (let from = 0; from < keys.length; from += READ_AT_ONCE) {
      const some = keys.slice(from, from + READ_AT_ONCE);
      const live = await this.#live.getMany(some);
      const rebuilt = await this.#shadow.getMany(some);
      for (const [i, key] of some.entries()) {
        const at = rowAt(key);
        const rollup = rollups.find(({ name }) => name === at?.rollup);
        if (at === undefined || rollup === undefined || at.tenant !== tenant) continue;
        if (this.#isCompared(rollup, at)) this.#compare(rollup, at, key, live[i], rebuilt[i]);
      }
    }
    this.#outdated.clear();
  }

  /** For one batch. Throws `query_invalid` if it is too large. */
  ops(): StateOp[] {
    if (this.#bytes > SWAP_BYTES_MAX) {
      throw new AppError(
        'query_invalid',
        `the rebuilt rows take ${this.#bytes} bytes, more than the ${SWAP_BYTES_MAX} that are swapped at once: replay the range in parts`,
      );
    }
    const { tenant, partitions, rollups } = this.#options;
    const ops = [...this.#changes.values()].map(({ op }) => op);
    for (let partition = 0; ops.length > 0 && partition < partitions; partition++) {
      for (const { name } of rollups) {
        const { added = [], labels = [] } = this.#matches.get(`${partition}/${name}`) ?? {};
        for (const op of added) ops.push(op);
        if (labels.length === 0) continue;
        ops.push({ key: liveRollupKey(partition, tenant, name), value: new Uint8Array(0) });
      }
    }
    return ops;
  }

  async #range(
    partition: number,
    rollup: RollupDefinition,
    stepMs: number,
    group: number,
  ): Promise<void> {
    const { tenant } = this.#options;
    const at = { partition, tenant, rollup: rollup.name, stepMs, group };
    const fromMs = Math.max(0, this.#fromMs(rollup, stepMs, partition));
    const toMs = this.#toMs(rollup, stepMs, partition);
    if (!(fromMs < toMs)) return;
    const keys = rollupRowRange(at, fromMs, toMs);
    const live = scan(this.#live, keys);
    const shadow = scan(this.#shadow, keys);
    let a = await nextOf(live);
    let b = await nextOf(shadow);
    while (a !== undefined || b !== undefined) {
      const order = a === undefined ? 1 : b === undefined ? -1 : Buffer.compare(a.key, b.key);
      const key = (order <= 0 ? a : b)?.key as Uint8Array;
      this.#compare(
        rollup,
        { ...at, bucketMs: parseRollupRowKey(key).bucketMs },
        key,
        order <= 0 ? a?.value : undefined,
        order >= 0 ? b?.value : undefined,
      );
      if (order <= 0) a = await nextOf(live);
      if (order >= 0) b = await nextOf(shadow);
    }
  }

  /** Rows that are past their retention are not kept: neither is looked for. */
  #fromMs(rollup: RollupDefinition, stepMs: number, partition: number): number {
    const { range, watermarksMs, nowMs } = this.#options;
    const watermarkMs = watermarksMs[partition] ?? Number.NEGATIVE_INFINITY;
    const expiredMs = expiredBeforeMs(rollup, stepMs, watermarkMs, nowMs);
    const fromMs = Math.max(range.fromMs, expiredMs);
    return Number.isFinite(fromMs) ? Math.ceil(fromMs / stepMs) * stepMs : range.fromMs;
  }

  #toMs(rollup: RollupDefinition, stepMs: number, partition: number): number {
    const { range, buckets, watermarksMs } = this.#options;
    const rangeToMs = Math.min(range.toMs, BUCKET_MS_MAX);
    if (buckets === 'all') return rangeToMs;
    const closed = closedTo(rollup, watermarksMs[partition] ?? Number.NEGATIVE_INFINITY);
    return Math.min(rangeToMs, closed[tierOf(rollup, stepMs)] ?? rangeToMs);
  }

  #isCompared(rollup: RollupDefinition, at: RollupRowAt): boolean {
    const fromMs = this.#fromMs(rollup, at.stepMs, at.partition);
    const toMs = this.#toMs(rollup, at.stepMs, at.partition);
    return at.bucketMs >= fromMs && at.bucketMs < toMs;
  }

  #compare(
    rollup: RollupDefinition,
    at: RollupRowAt,
    key: Uint8Array,
    live: Uint8Array | undefined,
    shadowed: Uint8Array | undefined,
  ): void {
    const tier = this.#tiers.get(`${rollup.name}/${at.stepMs}`) as TierDifferences;
    const match = this.#matches.get(`${at.partition}/${rollup.name}`);
    const rebuilt =
      shadowed && match?.toLive
        ? withSeries(layoutOf(rollup), at.group, shadowed, match.toLive)
        : shadowed;
    tier.rows += 1;
    const difference = isSameRow(live, rebuilt)
      ? undefined
      : differenceOf(tier, at, live, rebuilt, (series) => match?.labels[series] ?? []);
    const name = nameOf(key);
    const known = this.#changes.get(name);
    if (known !== undefined) this.#bytes -= sizeOf(known.op);
    this.#changes.delete(name);
    if (difference === undefined) return;
    if (this.#changes.size >= ROWS_DIFFERING_MAX) {
      throw new AppError(
        'query_invalid',
        `more than ${ROWS_DIFFERING_MAX} rows differ: replay the range in parts`,
      );
    }
    const value = rebuilt && live ? restated(live, rebuilt) : rebuilt;
    const op = { key: rollupRowKey(at), value };
    this.#bytes += sizeOf(op);
    // Past the bound only what differs counts: the swap will be refused.
    const isKept = this.#bytes <= SWAP_BYTES_MAX;
    this.#changes.set(name, {
      tier,
      difference,
      op: isKept ? op : { key: op.key, value: undefined },
    });
  }

  async #match(partition: number, { name, seriesMax }: RollupDefinition): Promise<SeriesMatch> {
    const { tenant } = this.#options;
    const range = seriesRange(partition, tenant, name);
    const liveIds = new Map<string, number>();
    const live: (readonly (string | null)[])[] = [];
    for await (const { key, value } of scan(this.#live, range)) {
      const id = seriesIdOf(key);
      live[id] = decodeSeriesLabels(value);
      liveIds.set(JSON.stringify(live[id]), id);
    }
    const added: StateOp[] = [];
    const toLive: number[] = [0];
    let count = liveIds.size;
    for await (const { key, value } of scan(this.#shadow, range)) {
      const id = seriesIdOf(key);
      const labels = decodeSeriesLabels(value);
      let liveId = liveIds.get(JSON.stringify(labels));
      if (liveId === undefined) {
        // One too many is counted with all others that are.
        const hasRoom = count < seriesMax;
        liveId = hasRoom ? ++count : OVERFLOW_SERIES;
        if (hasRoom) {
          live[liveId] = labels;
          added.push({ key: seriesKey(partition, tenant, name, liveId), value });
        }
      }
      toLive[id] = liveId;
    }
    const isSame = toLive.every((liveId, id) => liveId === id);
    const match = { labels: live, added, toLive: isSame ? undefined : Int32Array.from(toLive) };
    this.#matches.set(`${partition}/${name}`, match);
    return match;
  }
}

function differenceOf(
  tier: TierDifferences,
  { group, bucketMs }: RollupRowAt,
  live: Uint8Array | undefined,
  rebuilt: Uint8Array | undefined,
  labelsOf: (series: number) => readonly (string | null)[],
): RowDifference | undefined {
  if (group === 0) return tier.between({ bucketMs, live, rebuilt }, labelsOf);
  return { bucketMs, series: 0, eventsAdded: 0, eventsLost: 0 };
}

async function nextOf(rows: AsyncGenerator<StateRow>): Promise<StateRow | undefined> {
  const { value, done } = await rows.next();
  return done === true ? undefined : value;
}

const nameOf = (key: Uint8Array): string =>
  Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');

/** Undefined for what is no row of a rollup. */
function rowAt(key: Uint8Array): RollupRowAt | undefined {
  try {
    return parseRollupRowKey(key);
  } catch {
    return undefined;
  }
}

/** Whatever they say of how often they were amended. */
function isSameRow(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  if (a === undefined || b === undefined || a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[i] && (i < RESTATED_AT || i >= RESTATED_END)) return false;
  }
  return true;
}

/** Readers see by it that a bucket was changed after it had been closed. */
function restated(live: Uint8Array, rebuilt: Uint8Array): Uint8Array {
  const row = rebuilt.slice();
  const view = new DataView(row.buffer, row.byteOffset);
  view.setUint32(RESTATED_AT, Math.min(0xffff_ffff, restatedOf(live) + 1), true);
  return row;
}

function withSeries(
  layout: RowLayout,
  group: number,
  row: Uint8Array,
  seriesTo: Int32Array,
): Uint8Array | undefined {
  const fold = new BucketFold(layout);
  mergeRowInto(fold, group, row, seriesTo);
  return encodeRow(fold, group, restatedOf(row));
}

const sizeOf = ({ key, value }: StateOp): number => key.length + (value?.length ?? 0);
