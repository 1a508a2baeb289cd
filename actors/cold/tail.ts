/**
 * The events of one stream that are committed but not archived, staged as Parquet on this disk. What is staged is kept from
 * question to question: each adds what came since. Chunks grow like the levels of a log-structured tree, so that an
 * event is staged a few times at most, and a question never has many of them to read.
 */
import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { OpenReader } from '../../storage/log/log.ts';
import { evolveSchema, Observation } from '../../storage/segments/schema-evolution.ts';
import { type StagedFile, StageWriter } from '../../storage/segments/stage.ts';
import type { StateReader } from '../../storage/state/state.ts';
import { type EventBlock, type Stretch, walk } from '../archiver/walk.ts';
import { VerdictCursors } from '../partition/verdict-cursor.ts';
import type { Vouched, Voucher } from '../partition/voucher.ts';
import { MOVE_LOOK_MS, MOVE_WAIT_MS } from './limits.ts';

/** A chunk is staged again together with what is new as long as it is not longer than so many times that. */
const ABSORBED_TIMES_MAX = 2;

export interface TailTools {
  readonly openReader: OpenReader;
  /** Holds the verdicts of every committed block. */
  readonly state: StateReader;
  readonly voucher: Voucher;
  /** A path that no file has. */
  readonly newPath: () => string;
  /** Of one stream's blocks that are staged, and of all that is staged. */
  readonly bytesMax: number;
}

/** Rows of the stream's blocks in a stretch of the log. */
export interface TailChunk extends Stretch {
  readonly file: StagedFile;
  /** Questions that read it. */
  readers: number;
  isDropped: boolean;
}

export class Tail {
  readonly tenant: string;
  readonly stream: string;
  readonly #tools: TailTools;
  /** Of the archive, as of the last question. */
  #archived: StreamSchema | undefined;
  #schema: StreamSchema | undefined;
  #chunks: TailChunk[] = [];
  #to: ReadonlyMap<number, Offset> = new Map();

  constructor({ tenant, stream }: { tenant: string; stream: string }, tools: TailTools) {
    this.tenant = tenant;
    this.stream = stream;
    this.#tools = tools;
  }

  /** The archive's schema, and behind its columns those of fields that came since. Undefined: no events are known. */
  get schema(): StreamSchema | undefined {
    return this.#schema;
  }

  get chunks(): readonly TailChunk[] {
    return this.#chunks;
  }

  /** On the disk. */
  get bytes(): number {
    return this.#chunks.reduce((sum, { file }) => sum + file.bytes, 0);
  }

  /**
   * Stages the blocks of `stretch`, as far as they are not. Its beginnings are where the archive ends: what lies before is
   * dropped. One call at a time. Rejects with `log_truncated` if the log has lost blocks of it, `query_overload` if it is too long.
   */
  async extend(stretch: Stretch, archived: StreamSchema | undefined): Promise<void> {
    // What the archive has given columns since may have other names there.
    if (archived?.version !== this.#archived?.version) this.drop();
    this.#archived = archived;
    this.#dropArchived(stretch.from);
    if (this.#chunks.length === 0) this.#schema = archived;
    const start = (p: number) => Math.max(stretch.from.get(p) ?? 0, this.#to.get(p) ?? 0);
    let from = mapOf(stretch.to, start);
    const isNew = [...stretch.to].some(([p, end]) => end > (from.get(p) ?? 0));
    if (!isNew) return;
    const absorbed: TailChunk[] = [];
    for (let last = this.#chunks.at(-1); last !== undefined; last = this.#chunks.at(-1)) {
      if (lengthOf(last) > ABSORBED_TIMES_MAX * lengthOf({ from, to: stretch.to })) break;
      const { from: before } = last;
      from = mapOf(stretch.to, (p) => Math.max(stretch.from.get(p) ?? 0, before.get(p) ?? 0));
      absorbed.push(last);
      this.#chunks.pop();
    }
    try {
      const chunk = await this.#stage({ from, to: stretch.to });
      if (chunk !== undefined) this.#chunks.push(chunk);
      this.#to = stretch.to;
      for (const old of absorbed) remove(old);
    } catch (error) {
      this.#chunks.push(...absorbed.reverse());
      throw error;
    }
  }

  drop(): void {
    for (const chunk of this.#chunks.splice(0)) remove(chunk);
    this.#to = new Map();
  }

  #dropArchived(archived: ReadonlyMap<number, Offset>): void {
    const isArchived = ({ to }: TailChunk) =>
      [...to].every(([partition, end]) => end <= (archived.get(partition) ?? 0));
    for (const chunk of this.#chunks) if (isArchived(chunk)) remove(chunk);
    this.#chunks = this.#chunks.filter((chunk) => !chunk.isDropped);
  }

  /** Undefined if there is no row. */
  async #stage(stretch: Stretch): Promise<TailChunk | undefined> {
    const schema = await this.#observe(stretch);
    if (schema === undefined) return undefined;
    const writer = new StageWriter({ path: this.#tools.newPath(), schema });
    const verdicts = new VerdictCursors(this.#tools.state);
    try {
      const vouched = await this.#vouch(stretch);
      await this.#walk(stretch, async ({ block, offset: at }) => {
        writer.add(block, at, await verdicts.at(block.partition, at));
      });
      if (!(await vouched.holds())) throw partitionMoved();
    } catch (error) {
      writer.abort();
      throw error;
    }
    const file = writer.finish();
    const chunk = { ...stretch, file, readers: 0, isDropped: false };
    if (file.rows > 0) return chunk;
    remove(chunk);
    return undefined;
  }

  /** A partition that is on its way to another node is waited for. Rejects with why its verdicts cannot be read. */
  async #vouch({ from, to }: Stretch): Promise<Vouched> {
    const wanted = new Map([...to].filter(([p, end]) => end > (from.get(p) ?? 0)));
    for (let leftMs = MOVE_WAIT_MS; ; leftMs -= MOVE_LOOK_MS) {
      const vouched = await this.#tools.voucher.vouch(wanted);
      if (vouched.fault === undefined) return vouched;
      if (leftMs <= 0) throw vouched.fault;
      await sleep(MOVE_LOOK_MS);
    }
  }

  /** Undefined if there are no blocks. */
  async #observe(stretch: Stretch): Promise<StreamSchema | undefined> {
    const { bytesMax } = this.#tools;
    const seen = new Observation(this, this.#schema);
    let bytes = 0;
    await this.#walk(stretch, ({ block }) => {
      bytes += block.bytes.length;
      if (bytes > bytesMax) {
        throw new AppError(
          'query_overload',
          `more than ${bytesMax} bytes of stream "${this.stream}" wait to be archived: ask again when they are`,
        );
      }
      seen.add(block);
    });
    if (seen.rows === 0) return undefined;
    this.#schema = evolveSchema(this.#schema, seen);
    return this.#schema;
  }

  async #walk(stretch: Stretch, visit: (block: EventBlock) => void | Promise<void>): Promise<void> {
    await walk(this.#tools.openReader, stretch, async (portion) => {
      for (const each of portion) {
        const { tenant, stream } = each.block;
        if (stream === this.stream && tenant === this.tenant) await visit(each);
      }
      return undefined;
    });
  }
}

const partitionMoved = (): AppError =>
  new AppError(
    'partition_elsewhere',
    'a partition has come to another node while it was read: ask again',
  );

/** A file is there as long as somebody reads it. */
export function release(chunk: TailChunk): void {
  chunk.readers -= 1;
  if (chunk.isDropped) remove(chunk);
}

function remove(chunk: TailChunk): void {
  chunk.isDropped = true;
  if (chunk.readers === 0) rmSync(chunk.file.path, { force: true });
}

/** In offsets of the log, whatever of it is this stream's: that is what reading it costs. To compare with another one's. */
const lengthOf = ({ from, to }: Stretch): number =>
  [...to].reduce((sum, [p, end]) => sum + Math.max(0, end - (from.get(p) ?? 0)), 0);

const mapOf = (
  like: ReadonlyMap<number, Offset>,
  value: (partition: number) => number,
): ReadonlyMap<number, Offset> => new Map([...like.keys()].map((p) => [p, offset(value(p))]));
