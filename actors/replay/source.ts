/**
 * Brings a shadow up to a position of the log: first by segments, slice by slice, then by the log from exactly where they end.
 * What was archived since is read in a further round; the range of event time is the same, the positions are new.
 */
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { Manifest, SegmentFile } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import { KeptRows } from '../../storage/segments/kept-rows.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { walk } from '../archiver/walk.ts';
import type { SegmentFiles } from '../cold/segment-files.ts';
import { VerdictCursors } from '../partition/verdict-cursor.ts';
import { SOURCE_TRIES, TAIL_STEP_BYTES } from './limits.ts';
import type { ReplayRange } from './range.ts';
import type { SegmentSource } from './segment-groups.ts';
import type { ReplayRound, Shadow } from './shadow.ts';
import { type LoadedSlice, SliceReader } from './slice-reader.ts';
import { isTouched, planSlices, type Slice } from './slices.ts';

export interface SourceTools {
  readonly segments: SegmentFiles;
  /** Of row groups that are kept because the next slice needs them, too. */
  readonly memoryBytesMax: number;
  /** The newest version whose files are all in their places. */
  readonly manifest: () => Promise<Manifest>;
  readonly openReader: OpenReader;
  /** The oldest offset of a partition that the log keeps. */
  readonly logStart: (partition: number) => number;
  /** The live store: verdicts of every committed block. */
  readonly state: StateReader;
  /** Called between portions of work with what they took; may wait. Rejects to end the replay. */
  readonly pause: (workedMs: number) => Promise<void>;
  readonly tell: (progress: SourceProgress) => void;
}

export interface SourceProgress {
  readonly rows: number;
  /** Of what was known when the round began. */
  readonly rowsTotal: number;
  /** Before it the archive has no event of the range; undefined while segments have not been looked at. */
  readonly firstEventMs: number | undefined;
}

export interface SourceOptions {
  readonly tenant: string;
  readonly stream: string;
  readonly rollups: readonly RollupDefinition[];
  readonly range: ReplayRange;
}

/** Per partition, as committed. */
export interface LiveHead {
  readonly positions: readonly number[];
  readonly watermarksMs: readonly number[];
}

type HearKeys = (keys: readonly Uint8Array[]) => void;

export class ReplaySource {
  readonly #tools: SourceTools;
  readonly #options: SourceOptions;
  readonly #shadow: Shadow;
  readonly #columns = new BlockColumns();
  readonly #kept = new KeptRows();

  constructor(tools: SourceTools, options: SourceOptions, shadow: Shadow) {
    this.#tools = tools;
    this.#options = options;
    this.#shadow = shadow;
  }

  /** `written` hears the keys of all rows that change, as they are committed. */
  async bringTo(head: LiveHead, written: HearKeys = () => {}): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        // First the starts of the log, then the manifest: what lies before them is in it, or nowhere.
        const starts = head.positions.map((_, partition) => this.#tools.logStart(partition));
        await this.#segments(head, written);
        await this.#tail(head, starts, written);
        break;
      } catch (error) {
        // The log was cut behind what the archive has got meanwhile; or its files were written anew, and the old ones deleted.
        const isGone = isFault(error, 'log_truncated') || isFault(error, 'archive_missing');
        if (!isGone || attempt === SOURCE_TRIES) throw error;
        // What was folded since the last commit is read again.
        await this.#shadow.revert();
      }
    }
    for (const [partition, watermarkMs] of head.watermarksMs.entries()) {
      this.#shadow.advance(partition, watermarkMs);
    }
    const { done, round } = this.#shadow.progress;
    written(await this.#shadow.commit({ done, round }));
  }

  async #segments(head: LiveHead, written: HearKeys): Promise<void> {
    for (;;) {
      const manifest = await this.#tools.manifest();
      const { done, round } = this.#shadow.progress;
      const to = round?.to ?? done.map((from, p) => archivedTo(manifest, p, from, head));
      if (to.every((end, partition) => end <= (done[partition] ?? 0))) return;
      const edgeMs = round?.edgeMs ?? this.#options.range.fromMs;
      await this.#round(manifest, head, { to, edgeMs }, written);
    }
  }

  async #round(
    first: Manifest,
    head: LiveHead,
    { to, edgeMs }: ReplayRound,
    written: HearKeys,
  ): Promise<void> {
    const { tenant, stream, rollups, range } = this.#options;
    const { done } = this.#shadow.progress;
    const schema = first.schemas.get(streamKey({ tenant, stream }));
    const rest = { fromMs: edgeMs, toMs: range.toMs };
    const files = filesOf(first, this.#options, rest, done, to);
    if (schema !== undefined && files.length > 0) {
      const rowsTotal = this.#shadow.progress.rows + sum(files.map(({ rows }) => rows));
      const reader = new SliceReader(schema, rollups, this.#tools.memoryBytesMax);
      const slices = planSlices(files, rest);
      const firstEventMs = slices[0]?.fromMs;
      for await (const { slice, rows } of this.#loaded(reader, slices, done, to)) {
        await this.#foldSlice(rows, head);
        written(await this.#shadow.commit({ done, round: { to, edgeMs: slice.toMs } }));
        this.#tools.tell({ rows: this.#shadow.progress.rows, rowsTotal, firstEventMs });
      }
    }
    const reached = done.map((from, partition) => Math.max(from, to[partition] ?? 0));
    written(await this.#shadow.commit({ done: reached, round: undefined }));
  }

  /** One is loaded while the one before is folded. */
  async *#loaded(
    reader: SliceReader,
    slices: readonly Slice[],
    done: readonly number[],
    to: readonly number[],
  ): AsyncGenerator<{ slice: Slice; rows: LoadedSlice }> {
    const left = [...slices].reverse();
    const next = async (): Promise<{ slice: Slice; rows: LoadedSlice } | undefined> => {
      for (let slice = left.pop(); slice !== undefined; slice = left.pop()) {
        const rows = await this.#load(reader, slice, done, to);
        if (rows !== undefined) return { slice, rows };
        const middleMs = Math.floor((slice.fromMs + slice.toMs) / 2);
        left.push({ fromMs: middleMs, toMs: slice.toMs }, { ...slice, toMs: middleMs });
      }
      return undefined;
    };
    let loading = next();
    try {
      for (let loaded = await loading; loaded !== undefined; loaded = await loading) {
        loading = next();
        // Whoever waits for it hears of it; until then it is nobody's.
        loading.catch(() => undefined);
        yield loaded;
      }
    } finally {
      await loading.catch(() => undefined);
    }
  }

  async #load(
    reader: SliceReader,
    slice: Slice,
    done: readonly number[],
    to: readonly number[],
  ): Promise<LoadedSlice | undefined> {
    const { segments, manifest } = this.#tools;
    const newest = await manifest();
    const files = filesOf(newest, this.#options, slice, done, to);
    const lease = await segments.lease(files);
    try {
      const sources = files.map((file) => sourceOf(file, lease.paths, done, to));
      return await reader.load(slice, sources);
    } finally {
      lease.release();
    }
  }

  async #foldSlice(rows: LoadedSlice, { watermarksMs }: LiveHead): Promise<void> {
    let startedMs = performance.now() - rows.workedMs;
    for await (const batch of rows.batches()) {
      const limitMs = watermarksMs[batch.partition] ?? Number.NEGATIVE_INFINITY;
      this.#shadow.foldSorted(batch.partition, this.#columns.read(batch), limitMs);
      await this.#tools.pause(performance.now() - startedMs);
      startedMs = performance.now();
    }
  }

  async #tail(
    { positions }: LiveHead,
    starts: readonly number[],
    written: HearKeys,
  ): Promise<void> {
    const to = byPartition(positions);
    for (;;) {
      const { done } = this.#shadow.progress;
      if (positions.every((end, partition) => (done[partition] ?? 0) >= end)) return;
      const from = done.map((position, p) => Math.max(position, starts[p] ?? 0));
      const reached = await this.#tailStep(byPartition(from), to);
      const now = done.map((from, p) => Math.max(from, reached.get(p) ?? 0));
      written(await this.#shadow.commit({ done: now, round: undefined }));
      const { rows } = this.#shadow.progress;
      this.#tools.tell({ rows, rowsTotal: rows, firstEventMs: undefined });
    }
  }

  async #tailStep(
    from: ReadonlyMap<number, Offset>,
    to: ReadonlyMap<number, Offset>,
  ): Promise<ReadonlyMap<number, Offset>> {
    const { openReader, state, pause } = this.#tools;
    const { tenant, stream, range } = this.#options;
    const verdicts = new VerdictCursors(state);
    let bytes = 0;
    return walk(openReader, { from, to }, async (portion) => {
      const startedMs = performance.now();
      for (const [taken, { block, offset: at }] of portion.entries()) {
        if (bytes >= TAIL_STEP_BYTES) return taken;
        bytes += block.bytes.length;
        if (block.tenant !== tenant || block.stream !== stream) continue;
        this.#kept.load(block, await verdicts.at(block.partition, at));
        const columns = this.#columns.load(block);
        const nowMs = this.#shadow.arrived(block.partition, block.arrivalMs);
        const { values } = columns.eventTimes(nowMs);
        const keep = new Uint8Array(block.rows);
        let count = 0;
        for (let i = 0; i < this.#kept.count; i++) {
          const row = this.#kept.rows[i] as number;
          const timeMs = values[row] as number;
          if (timeMs < range.fromMs || timeMs >= range.toMs) continue;
          keep[row] = 1;
          count++;
        }
        this.#shadow.foldBlock(block.partition, columns, keep, count, nowMs);
      }
      await pause(performance.now() - startedMs);
      return undefined;
    });
  }
}

/** Not beyond the position to come to: what lies behind it comes later. */
function archivedTo(
  { positions }: Manifest,
  partition: number,
  from: number,
  head: LiveHead,
): number {
  const archived = Math.min(positions.get(partition) ?? 0, head.positions[partition] ?? 0);
  return Math.max(from, archived);
}

function filesOf(
  { files }: Manifest,
  { tenant, stream }: SourceOptions,
  range: ReplayRange,
  from: readonly number[],
  to: readonly number[],
): SegmentFile[] {
  return [...files.values()].filter((file) => {
    if (file.tenant !== tenant || file.stream !== stream || !isTouched(file, range)) return false;
    const { partition: p } = file;
    if (p === undefined) return true;
    return file.from < (to[p] ?? 0) && file.to > (from[p] ?? 0);
  });
}

function sourceOf(
  { path: name, partition, from, to }: SegmentFile,
  paths: ReadonlyMap<string, string>,
  done: readonly number[],
  end: readonly number[],
): SegmentSource {
  const path = paths.get(name);
  if (path === undefined) throw new AppError('archive_missing', `${name} is not there`);
  const isWhole =
    partition !== undefined && from >= (done[partition] ?? 0) && to <= (end[partition] ?? 0);
  return { name, path, partition, positions: isWhole ? undefined : { from: done, to: end } };
}

const byPartition = (positions: readonly number[]): ReadonlyMap<number, Offset> =>
  new Map(positions.map((position, partition) => [partition, offset(position)]));

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
