/**
 * Partitions in memory for tests of the query side. Rows, series and clocks are the real ones (`RollupState`); only the
 * log and RocksDB are replaced by arrays and maps.
 */
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { mergeRows } from '../../src/aggregate/bucket-row.ts';
import { RollupState } from '../../src/aggregate/rollup.ts';
import { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { packBlock } from '../../src/model/block-writer.ts';
import { COLUMN_KIND, type Column, ROLE } from '../../src/model/columns.ts';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import type {
  CollectReply,
  CollectRequest,
  LedgerReply,
  OverflowsReply,
  PartitionClient,
  RollupCatalog,
  RowScan,
  RowWriteCounts,
  SeriesLabels,
  StoredRollups,
} from '../../src/query/ports.ts';

export type TestEvent = Readonly<Record<string, string | number>> & { readonly ts: number };

export const TENANT = 'default';

interface Partition {
  readonly rollups: Map<string, RollupState>;
  readonly rows: Map<string, Uint8Array>;
  readonly series: Map<string, SeriesLabels[]>;
  watermarkMs: number;
  committedWatermarkMs: number;
  offset: number;
  isDown: boolean;
  isAtOldDefinition: boolean;
}

export class MemoryPartitions implements PartitionClient, StoredRollups, RollupCatalog {
  readonly partitions: number;
  /** Bytes of rows that scans have visited. */
  scannedRows = 0;
  ends: number[];
  readonly ledgers: LedgerReply[];
  readonly #definitions: readonly RollupDefinition[];
  readonly #all: Partition[];
  readonly #listeners = new Set<() => void>();
  /** Of all partitions together, by the key of a row; of series by that of their rollup. */
  readonly #writes = new Map<string, number>();
  readonly writes: RowWriteCounts | undefined = {
    ofRows:
      ({ partition, rollup, stepMs, group }) =>
      (fromMs, toMs) => {
        let count = 0;
        for (let bucketMs = fromMs; bucketMs < toMs; bucketMs += stepMs) {
          const key = rowKey(rollup, stepMs, group, bucketMs);
          count += this.#writes.get(rowKey(partition, key)) ?? 0;
        }
        return count;
      },
    ofSeries: (partition, _tenant, rollup) => this.#writes.get(rowKey(partition, rollup)) ?? 0,
    clears: () => 0,
  };

  constructor(definitions: readonly RollupDefinition[], partitions = 2) {
    this.partitions = partitions;
    this.#definitions = definitions;
    this.ends = new Array(partitions).fill(0);
    this.ledgers = Array.from({ length: partitions }, () => ({
      entries: [],
      appliedOffset: 0,
      appliedEnd: 0,
    }));
    this.#all = Array.from({ length: partitions }, () => ({
      rollups: new Map(definitions.map((def) => [def.name, new RollupState(def)])),
      rows: new Map<string, Uint8Array>(),
      series: new Map<string, SeriesLabels[]>(),
      watermarkMs: Number.NEGATIVE_INFINITY,
      committedWatermarkMs: Number.NEGATIVE_INFINITY,
      offset: 0,
      isDown: false,
      isAtOldDefinition: false,
    }));
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  rollups(): readonly RollupDefinition[] {
    return this.#definitions;
  }
  sinceMs(): number {
    return Number.NEGATIVE_INFINITY;
  }

  /** Folds one block of events into every rollup of the partition. */
  apply(partition: number, events: readonly TestEvent[], arrivalMs: number): void {
    const to = this.#at(partition);
    const columns = new BlockColumns().load(new Block(packEvents(partition, events, arrivalMs)));
    for (const { ts } of events) to.watermarkMs = Math.max(to.watermarkMs, Math.min(ts, arrivalMs));
    for (const state of to.rollups.values()) {
      state.fold(columns, undefined, to.watermarkMs, arrivalMs);
    }
    to.offset += 100;
    this.ends[partition] = Math.max(this.ends[partition] as number, to.offset);
    for (const listener of [...this.#listeners]) listener();
  }

  commit(partition: number): void {
    const { rollups, rows, series, watermarkMs } = this.#at(partition);
    for (const [name, state] of rollups) {
      const changes = state.changes();
      for (const { stepMs, group, bucketMs, bytes, mode } of changes.rows) {
        const key = rowKey(name, stepMs, group, bucketMs);
        const stored = mode === 'merge' ? rows.get(key) : undefined;
        rows.set(key, stored === undefined ? bytes : mergeRows(stored, bytes));
        this.#wrote(rowKey(partition, key));
      }
      series.set(name, [...(series.get(name) ?? []), ...changes.newSeries]);
      this.#wrote(rowKey(partition, name));
      state.committed();
    }
    this.#at(partition).committedWatermarkMs = watermarkMs;
  }

  /** From now on the partition does not answer; its committed rows stay. */
  stop(partition: number): void {
    this.#at(partition).isDown = true;
  }

  /** From now on what the partition holds and has committed is of other definitions. */
  replay(partition: number): void {
    this.#at(partition).isAtOldDefinition = true;
  }

  async collect(partition: number, request: CollectRequest): Promise<CollectReply> {
    const { rollups, rows, watermarkMs, offset, isDown, isAtOldDefinition } = this.#at(partition);
    if (isAtOldDefinition) throw new AppError('rollup_changing', 'the partition replays');
    if (isDown) throw new AppError('actor_stopped', 'the partition restarts');
    const { tenant, rollup } = request;
    const state = rollups.get(rollup);
    if (state === undefined) throw new Error(`no rollup ${rollup}`);
    const collected = state.collect(request);
    const amended = collected.deltas.map((delta) => {
      const stored = rows.get(rowKey(rollup, delta.stepMs, delta.group, delta.bucketMs));
      return stored === undefined ? delta : { ...delta, bytes: mergeRows(stored, delta.bytes) };
    });
    return {
      watermarkMs: watermarkMs - state.definition.latenessMs,
      appliedOffset: offset,
      closedToMs: request.steps.map((stepMs) => state.closedToMs(stepMs)),
      rows: [...collected.rows, ...amended].map((row) => ({ ...row, tenant, rollup })),
      series: collected.newSeries,
    };
  }

  async ledger(partition: number): Promise<LedgerReply> {
    if (this.#at(partition).isDown) throw new AppError('actor_stopped', 'the partition restarts');
    return this.ledgers[partition] as LedgerReply;
  }

  async overflows(partition: number): Promise<OverflowsReply> {
    const { rollups, isDown } = this.#at(partition);
    if (isDown) throw new AppError('actor_stopped', 'the partition restarts');
    const reports = [...rollups].map(([rollup, state]) => ({ rollup, report: state.overflow() }));
    return {
      overflows: reports.flatMap(({ rollup, report }) => (report ? [{ rollup, report }] : [])),
    };
  }

  appliedOffset(partition: number): number {
    return this.#at(partition).offset;
  }

  endOffset(partition: number): number {
    return this.ends[partition] as number;
  }

  onApplied(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async scanRows(scan: RowScan, visit: (bucketMs: number, row: Uint8Array) => void): Promise<void> {
    const { partition, rollup, stepMs, group, fromMs, toMs } = scan;
    const { rows } = this.#at(partition);
    for (let bucketMs = fromMs; bucketMs < toMs; bucketMs += stepMs) {
      const row = rows.get(rowKey(rollup, stepMs, group, bucketMs));
      if (row === undefined) continue;
      this.scannedRows++;
      visit(bucketMs, row);
    }
  }

  async firstBucketMs({
    partition,
    rollup,
    stepMs,
  }: Pick<RowScan, 'partition' | 'rollup' | 'stepMs'>): Promise<number | undefined> {
    const prefix = `${rowKey(rollup, stepMs, 0)}/`;
    const keys = [...this.#at(partition).rows.keys()].filter((key) => key.startsWith(prefix));
    const buckets = keys.map((key) => Number(key.slice(prefix.length)));
    return buckets.length === 0 ? undefined : Math.min(...buckets);
  }

  async series(
    partition: number,
    _tenant: string,
    rollup: string,
    afterId: number,
  ): Promise<readonly SeriesLabels[]> {
    return (this.#at(partition).series.get(rollup) ?? []).filter(({ id }) => id > afterId);
  }

  async watermarkMs(partition: number): Promise<number | undefined> {
    const { isAtOldDefinition, committedWatermarkMs } = this.#at(partition);
    return isAtOldDefinition ? undefined : committedWatermarkMs;
  }

  #wrote(key: string): void {
    this.#writes.set(key, (this.#writes.get(key) ?? 0) + 1);
  }

  #at(partition: number): Partition {
    return this.#all[partition] as Partition;
  }
}

const rowKey = (...parts: readonly (string | number)[]): string => parts.join('/');

/** Sealed block of the events; a field's kind is that of its first value. */
function packEvents(
  partition: number,
  events: readonly TestEvent[],
  arrivalMs: number,
): Uint8Array<ArrayBuffer> {
  const names = [...new Set(events.flatMap((event) => Object.keys(event)))];
  const header = {
    kind: BLOCK_KIND.events,
    partition,
    tenant: TENANT,
    stream: 'events',
    arrivalMs,
    producerId: 0,
    producerEpoch: 1,
    sequence: 1,
    received: events.length,
    rejected: 0,
  };
  const columns = names.map((name) => columnOf(name, events));
  return packBlock(header, columns, { count: events.length, index: undefined });
}

function columnOf(name: string, events: readonly TestEvent[]): Column {
  const values = events.map((event) => event[name]);
  if (typeof values.find((value) => value !== undefined) === 'number') {
    const numbers = Float64Array.from(values, (value) => Number(value ?? Number.NaN));
    return {
      kind: COLUMN_KIND.number,
      role: name === 'ts' ? ROLE.ts : ROLE.field,
      name,
      values: numbers,
    };
  }
  const texts = values
    .filter((value) => value !== undefined)
    .map((value) => Buffer.from(`${value}`));
  const offsets = new Uint32Array(texts.length + 1);
  texts.forEach((text, i) => {
    offsets[i + 1] = (offsets[i] as number) + text.length;
  });
  let code = 0;
  const codes = Uint32Array.from(values, (value) => (value === undefined ? 0 : ++code));
  const entries = { count: texts.length, offsets, bytes: Buffer.concat(texts) };
  return {
    kind: COLUMN_KIND.string,
    role: name === 'type' ? ROLE.type : ROLE.field,
    name,
    codes,
    entries,
  };
}
