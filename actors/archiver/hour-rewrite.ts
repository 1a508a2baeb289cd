/**
 * Rewrites an hour of a stream: from all its files come others, in a folder of their own, which one version puts in the place of the
 * old ones. Whoever reads by the manifest sees the old ones or the new ones; so does Hive, whose partition has one place.
 *
 * It goes file by file, and in between the log may be cut: files that have come into the hour meanwhile are taken too,
 * before the version. Nothing of it is remembered: after a crash it begins anew.
 */
import { ok as assert } from 'node:assert';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../src/model/errors.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { atOnce } from '../../storage/archive/at-once.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import type { NewSegment, SegmentReplacement } from '../../storage/archive/segment-commit.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import { rewrittenFolder, rewrittenPath } from '../../storage/archive/segment-path.ts';
import { freeBytes } from '../../storage/free-bytes.ts';
import { ARCHIVE_TRANSFERS_AT_ONCE } from '../../storage/limits.ts';
import type { Statements } from '../../storage/segments/duckdb.ts';
import type { SealedFile } from '../../storage/segments/seal.ts';
import type { Hour, Hours } from './hours.ts';
import { withDuck } from './stoppable-duck.ts';

/** What becomes of the files of an hour. */
export interface Rewriting {
  readonly change: SegmentReplacement['change'];
  /** Of all that it is given: each group becomes one file. Files of a group are of one schema, and so is what becomes of them. */
  group(files: readonly SegmentFile[]): SegmentFile[][];
  /**
   * Makes the file of a group at `outPath`. `kept`: the only file of the group goes over as it is. `empty`: no row is left.
   */
  rewrite(
    inputs: RewriteInputs,
    duck: Statements,
    outPath: string,
  ): Promise<SealedFile | Untouched>;
}

export type Untouched = 'kept' | 'empty';

export interface RewriteInputs {
  readonly files: readonly SegmentFile[];
  /** On this machine, in the same order. */
  readonly paths: readonly string[];
  /** The stream's newest. */
  readonly schema: StreamSchema;
}

export interface RewriteTools {
  readonly hours: Hours;
  readonly openDuck: () => Promise<Statements>;
  /** Of the archiver. */
  readonly workDir: string;
  /** Of the disk of `workDir`, that stay free. */
  readonly diskReserveBytes: number;
  /** Stops what runs. */
  readonly signal: AbortSignal;
}

interface Output extends NewSegment {
  readonly isKept: boolean;
}

export class HourRewrite {
  readonly hour: Hour;
  readonly #tools: RewriteTools;
  readonly #rewriting: Rewriting;
  readonly #folder: string;
  readonly #taken = new Set<string>();
  #groups: SegmentFile[][] = [];
  readonly #outputs: Output[] = [];
  #done = 0;
  #total = 0;

  constructor(tools: RewriteTools, rewriting: Rewriting, hour: Hour) {
    this.#tools = tools;
    this.#rewriting = rewriting;
    this.hour = hour;
    // An hour may be compacted while events are erased from another.
    this.#folder = join(tools.workDir, `rewrite-${rewriting.change}`);
  }

  /** Files that are dealt with, of all. */
  get progress(): { readonly done: number; readonly total: number } {
    return { done: this.#done, total: this.#total };
  }

  /**
   * Makes one file. Answers whether all are made: then comes `commit`. May reject with anything that is wrong with the hour, the disk
   * or DuckDB; the archive is as it was.
   */
  async prepare(): Promise<boolean> {
    const group = this.#groups.shift() ?? (await this.#nextGroup());
    if (group === undefined) return true;
    await this.#make(group);
    this.#done += group.length;
    return this.#groups.length === 0 && this.#newcomers().length === 0;
  }

  /**
   * The version. Answers undefined if nothing has changed, or another version has removed files of the hour or added some meanwhile: then
   * it may be begun anew. Rejects as the committer does.
   */
  async commit(): Promise<RewriteReport | undefined> {
    const { hours } = this.#tools;
    const { files } = hours.manifest;
    assert(this.#groups.length === 0 && this.#newcomers().length === 0, 'all files are made');
    const remove = [...this.#taken];
    const isWhole = remove.every((path) => files.has(path));
    const isChanged =
      this.#outputs.length !== remove.length || this.#outputs.some(({ isKept }) => !isKept);
    if (!isWhole || !isChanged) return undefined;
    const folder = rewrittenFolder(this.hour, hours.committer.next.version);
    const add = this.#outputs.map(({ file, localPath }, i) => ({
      localPath,
      file: { ...file, path: rewrittenPath(folder, i, file) },
    }));
    const before = totalOf(remove.flatMap((path) => files.get(path) ?? []));
    if (!(await hours.replace({ change: this.#rewriting.change, add, remove }))) return undefined;
    const after = totalOf(add.map(({ file }) => file));
    return {
      version: hours.manifest.version,
      filesBefore: remove.length,
      filesAfter: add.length,
      rowsBefore: before.rows,
      rowsAfter: after.rows,
      bytesBefore: before.bytes,
      bytesAfter: after.bytes,
    };
  }

  /**
   * When all files are made: one that the next version will add, if it adds any, and one that it will remove. Whether it was made can be
   * told from them. Undefined if the hour has lost its files before any was taken.
   */
  marks(): { readonly adds: string | undefined; readonly removes: string } | undefined {
    const [removes] = this.#taken;
    if (removes === undefined) return undefined;
    const folder = rewrittenFolder(this.hour, this.#tools.hours.committer.next.version);
    const [first] = this.#outputs;
    return { adds: first && rewrittenPath(folder, 0, first.file), removes };
  }

  /** Whatever came of it. */
  async close(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  #newcomers(): SegmentFile[] {
    const files = this.#tools.hours.of(this.hour)?.files ?? new Map<string, SegmentFile>();
    return [...files.values()].filter(({ path }) => !this.#taken.has(path));
  }

  async #nextGroup(): Promise<SegmentFile[] | undefined> {
    const files = this.#newcomers();
    if (files.length === 0) return undefined;
    if (this.#taken.size === 0) await this.close();
    await mkdir(this.#folder, { recursive: true });
    await this.#checkDisk(totalOf(files).bytes);
    this.#groups = this.#rewriting.group(files);
    for (const { path } of files) this.#taken.add(path);
    this.#total += files.length;
    return this.#groups.shift();
  }

  /** What comes of the hour waits here until all of it is made, beside what one file is made of. */
  async #checkDisk(bytes: number): Promise<void> {
    const { diskReserveBytes, workDir } = this.#tools;
    const free = await freeBytes(workDir);
    const wanted = 2 * bytes + diskReserveBytes;
    if (free >= wanted) return;
    throw new AppError(
      'segment_failed',
      `${workDir} needs ${wanted} bytes to rewrite an hour, and has ${free}: make room on the disk`,
    );
  }

  async #make(files: readonly SegmentFile[]): Promise<void> {
    const { hours } = this.#tools;
    const paths = files.map((_, i) =>
      join(this.#folder, `in-${this.#outputs.length}-${i}.parquet`),
    );
    await atOnce(files.entries(), ARCHIVE_TRANSFERS_AT_ONCE, ([i, { path }]) =>
      hours.committer.fetch(path, paths[i] ?? ''),
    );
    const [first] = files;
    const schema = first && hours.manifest.schemas.get(streamKey(first));
    assert(first !== undefined && schema !== undefined, 'a group has files of a known stream');
    const outPath = join(this.#folder, `out-${this.#outputs.length}.parquet`);
    const rewrite = (duck: Statements) =>
      this.#rewriting.rewrite({ files, paths, schema }, duck, outPath);
    const made = await withDuck(this.#tools, rewrite);
    if (made === 'kept') {
      assert(files.length === 1, 'one file is kept as it is');
      this.#outputs.push({ file: first, localPath: paths[0] ?? '', isKept: true });
      return;
    }
    for (const path of paths) await rm(path);
    if (made === 'empty') return;
    const file = { ...sumOf(files), ...made };
    this.#outputs.push({ file, localPath: outPath, isKept: false });
  }
}

export interface RewriteReport {
  readonly version: number;
  readonly filesBefore: number;
  readonly filesAfter: number;
  readonly rowsBefore: number;
  readonly rowsAfter: number;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

/** Where the rows of several files come from. */
function sumOf(files: readonly SegmentFile[]): SegmentFile {
  const [first] = files;
  assert(first !== undefined, 'a group has files');
  assert(
    files.every(({ schema }) => schema === first.schema),
    'what files of one schema become is of that schema',
  );
  const { partition, aheadMaxMs: _, ...rest } = first;
  const ahead = files.flatMap(({ aheadMaxMs }) => aheadMaxMs ?? []);
  const isOne = files.every((file) => file.partition === partition);
  return {
    ...rest,
    ...(isOne && partition !== undefined && { partition }),
    ...(ahead.length === files.length && { aheadMaxMs: Math.max(...ahead) }),
    from: Math.min(...files.map(({ from }) => from)),
    to: Math.max(...files.map(({ to }) => to)),
  };
}
