/**
 * What a question sees: a version of the archive's manifest, and the log from exactly where that version ends to what is
 * committed now. Every event that counts is in it once, whatever is archived meanwhile.
 */
import { AppError, isFault } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import type { Manifest, SegmentFile } from '../../storage/archive/manifest.ts';
import type { ManifestReader } from '../../storage/archive/manifest-reader.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import type { Stretch } from '../archiver/walk.ts';
import { SNAPSHOT_TRIES, TAILS_MAX } from './limits.ts';
import { release, Tail, type TailChunk, type TailTools } from './tail.ts';

export interface SnapshotTools extends TailTools {
  readonly manifest: ManifestReader;
  /** The newest version whose files are all in their places; 0 while none is known. */
  readonly archivedVersion: () => number;
  /** Per partition what is committed, as of now. */
  readonly committed: () => readonly number[];
  /** The oldest offset of a partition that the log keeps. */
  readonly logStart: (partition: number) => number;
}

export interface StreamSnapshot {
  readonly tenant: string;
  readonly stream: string;
  readonly schema: StreamSchema;
  readonly files: readonly SegmentFile[];
  readonly chunks: readonly TailChunk[];
  /** Rows of chunks before these are in `files`. */
  readonly archived: ReadonlyMap<number, Offset>;
}

export interface Snapshot {
  /** Those that are known, by the names that were asked for. */
  readonly streams: ReadonlyMap<string, StreamSnapshot>;
  /** Names of the tenant's streams in the archive. */
  readonly archivedStreams: readonly string[];
  release(): void;
}

export class Snapshots {
  readonly #tools: SnapshotTools;
  /** By stream key; the least recently asked come first. */
  readonly #tails = new Map<string, Tail>();
  #turn: Promise<unknown> = Promise.resolve();
  #filesBy: { readonly version: number; readonly files: Map<string, SegmentFile[]> } = {
    version: -1,
    files: new Map(),
  };

  constructor(tools: SnapshotTools) {
    this.#tools = tools;
  }

  /** What is staged, on the disk. */
  get tailBytes(): number {
    return [...this.#tails.values()].reduce((sum, tail) => sum + tail.bytes, 0);
  }

  /**
   * Of these streams, all as of the same moment. Whoever asked releases it when it has read the files. A version must be
   * known. Rejects with `query_overload` if too much waits to be archived.
   */
  take(tenant: string, streams: readonly string[]): Promise<Snapshot> {
    const taken = this.#turn.then(() => this.#take(tenant, streams));
    this.#turn = taken.catch(() => undefined);
    return taken;
  }

  /** Keeps nothing that is staged: events were erased. What is being read goes with its last reader. */
  forget(): Promise<void> {
    const forgotten = this.#turn.then(() => {
      for (const tail of this.#tails.values()) tail.drop();
      this.#tails.clear();
    });
    this.#turn = forgotten;
    return forgotten;
  }

  async #take(tenant: string, streams: readonly string[]): Promise<Snapshot> {
    for (let attempt = 1; ; attempt++) {
      const version = this.#tools.archivedVersion();
      const manifest = await this.#tools.manifest.refresh(version);
      const stretch = this.#tailOf(manifest);
      // The log is cut only after a version that has what was cut: if this one is still the newest, it lacks nothing.
      if (this.#tools.archivedVersion() !== version && attempt < SNAPSHOT_TRIES) continue;
      try {
        return await this.#at(manifest, stretch, tenant, streams);
      } catch (error) {
        const hasMoved = isFault(error, 'log_truncated') || isFault(error, 'partition_elsewhere');
        if (!hasMoved || attempt >= SNAPSHOT_TRIES) throw error;
      }
    }
  }

  /** Where the log was shortened while nobody archived it, it begins later than the archive ends. */
  #tailOf({ positions }: Manifest): Stretch {
    const from = new Map<number, Offset>();
    const to = new Map<number, Offset>();
    for (const [partition, committed] of this.#tools.committed().entries()) {
      const start = this.#tools.logStart(partition);
      from.set(partition, offset(Math.max(positions.get(partition) ?? 0, start)));
      to.set(partition, offset(committed));
    }
    return { from, to };
  }

  async #at(
    manifest: Manifest,
    stretch: Stretch,
    tenant: string,
    names: readonly string[],
  ): Promise<Snapshot> {
    const streams = new Map<string, StreamSnapshot>();
    for (const stream of names) {
      const key = streamKey({ tenant, stream });
      const tail = this.#tail(tenant, stream);
      await tail.extend(stretch, manifest.schemas.get(key));
      this.#makeRoom(names.map((name) => streamKey({ tenant, stream: name })));
      const { schema, chunks } = tail;
      if (schema === undefined) continue;
      const files = this.#filesOf(manifest).get(key) ?? [];
      const archived = stretch.from;
      streams.set(stream, { tenant, stream, schema, files, archived, chunks: [...chunks] });
    }
    const read = [...streams.values()].flatMap(({ chunks }) => chunks);
    for (const chunk of read) chunk.readers += 1;
    const archivedStreams = [...manifest.schemas.values()]
      .filter((schema) => schema.tenant === tenant)
      .map(({ stream }) => stream)
      .sort();
    return {
      streams,
      archivedStreams,
      release: () => {
        for (const chunk of read.splice(0)) release(chunk);
      },
    };
  }

  #tail(tenant: string, stream: string): Tail {
    const key = streamKey({ tenant, stream });
    const tail = this.#tails.get(key) ?? new Tail({ tenant, stream }, this.#tools);
    this.#tails.delete(key);
    this.#tails.set(key, tail);
    return tail;
  }

  /** Those that are asked for stay. Throws `query_overload` if they alone are too much. */
  #makeRoom(asked: readonly string[]): void {
    const { bytesMax } = this.#tools;
    const tails = [...this.#tails];
    let bytes = this.tailBytes;
    for (const [key, tail] of tails) {
      if (bytes <= bytesMax && this.#tails.size <= TAILS_MAX) return;
      if (asked.includes(key)) continue;
      bytes -= tail.bytes;
      tail.drop();
      this.#tails.delete(key);
    }
    if (bytes <= bytesMax) return;
    throw new AppError(
      'query_overload',
      `more than ${bytesMax} bytes of these streams wait to be archived: ask again when they are`,
    );
  }

  /** By stream; made once a version. */
  #filesOf({ version, files }: Manifest): ReadonlyMap<string, SegmentFile[]> {
    if (this.#filesBy.version === version) return this.#filesBy.files;
    const byStream = new Map<string, SegmentFile[]>();
    for (const file of files.values()) {
      const key = streamKey(file);
      const others = byStream.get(key);
      if (others === undefined) byStream.set(key, [file]);
      else others.push(file);
    }
    this.#filesBy = { version, files: byStream };
    return byStream;
  }
}
