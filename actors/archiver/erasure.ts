/**
 * Erases events from the archive: every file of the tenant that may hold them is looked through, and hours in which one does are
 * rewritten without them. New files can only come from the log, from which they were erased before.
 */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../src/model/clock.ts';
import { type ArchiveIntent, lastOffsetIn } from '../../src/model/erasure.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { SegmentFile } from '../../storage/archive/manifest.ts';
import { streamKey } from '../../storage/archive/manifest-sum.ts';
import { erasedCondition, outside } from '../../storage/segments/erased-condition.ts';
import { countRows, type FilteredSegment, filterSegment } from '../../storage/segments/seal.ts';
import type { ErasureJob, ErasureJobs, ErasureTarget } from './erasure-jobs.ts';
import { HourRewrite, type RewriteTools, type Rewriting } from './hour-rewrite.ts';
import type { Hour } from './hours.ts';
import type { ArchiveWork, PutOff, WorkNumbers } from './work.ts';

export interface ErasureOptions {
  readonly tools: RewriteTools;
  readonly jobs: ErasureJobs;
  readonly putOff: PutOff;
  readonly clock: Clock;
  readonly log: Logger;
}

interface RunningHour {
  readonly job: ErasureJob;
  readonly rewrite: HourRewrite;
  /** Files that held the value, rows, and those that were not counted in the log, by partition. */
  readonly erased: { files: number; rows: number; readonly uncounted: Map<number, number> };
}

export class ErasureWork implements ArchiveWork {
  readonly #options: ErasureOptions;
  #running: RunningHour | undefined;
  #listed: {
    readonly job: ErasureJob | undefined;
    readonly version: number;
    readonly files: SegmentFile[];
  } = { job: undefined, version: -1, files: [] };

  constructor(options: ErasureOptions) {
    this.#options = options;
  }

  dueMs(): number {
    const { jobs, putOff } = this.#options;
    const job = jobs.current;
    if (job === undefined) return Number.POSITIVE_INFINITY;
    // A version of which nobody knows is settled at once: others may change the hour before a put-off ends, and hide what became of it.
    return job.intent === undefined ? putOff.until(keyOf(job)) : 0;
  }

  async step(): Promise<void> {
    const { jobs, putOff, clock, log } = this.#options;
    const job = jobs.current;
    if (job === undefined) return;
    if (job.intent !== undefined) return this.#settle(job, job.intent);
    let isMade = false;
    try {
      if (this.#running?.job === job) isMade = await this.#running.rewrite.prepare();
      else await this.#lookOn(job);
    } catch (error) {
      log.warn({ err: error, erasure: job.target.id }, 'an erasure is put off');
      putOff.failed(keyOf(job), clock.now(), error);
      await this.#end();
      return;
    }
    if (isMade && this.#running !== undefined) await this.#commit(this.#running);
  }

  numbers(): WorkNumbers {
    const { jobs, putOff } = this.#options;
    const job = jobs.current;
    const { done, total } = this.#running?.rewrite.progress ?? { done: 0, total: 0 };
    const problem = job && putOff.until(keyOf(job)) > 0 ? putOff.problem : undefined;
    return { kind: 'erasure', subject: this.#running?.rewrite.hour.folder, done, total, problem };
  }

  /** A version of which nobody knows: what it adds is there, or what it removes is not there any more, or it was never made. */
  async #settle(job: ErasureJob, intent: ArchiveIntent): Promise<void> {
    const { files, removed } = this.#options.tools.hours.manifest;
    const isMade =
      intent.adds === undefined
        ? !files.has(intent.removes)
        : files.has(intent.adds) || removed.has(intent.adds);
    await job.keeper.settled(job.target.id, isMade);
    job.intent = undefined;
  }

  /** Looks through one file. When the value is in it, all of its hour is rewritten. */
  async #lookOn(job: ErasureJob): Promise<void> {
    const { jobs, putOff, tools } = this.#options;
    const file = this.#nextFile(job);
    if (file === undefined) {
      putOff.succeeded(keyOf(job));
      jobs.finish(job);
      return;
    }
    if (!(await this.#holds(job.target, file))) {
      job.clean.add(file.path);
      return;
    }
    const hour = tools.hours.of(file);
    if (hour !== undefined) this.#begin(job, hour);
  }

  /** Listed anew with each version: compaction puts others in the place of files. */
  #nextFile(job: ErasureJob): SegmentFile | undefined {
    const { version, files } = this.#options.tools.hours.manifest;
    if (this.#listed.job !== job || this.#listed.version !== version) {
      const list = [...files.values()].filter((file) => mayHold(file, job.target));
      this.#listed = { job, version, files: list };
    }
    const { files: left } = this.#listed;
    while (left.length > 0 && job.clean.has(left.at(-1)?.path ?? '')) left.pop();
    return left.at(-1);
  }

  async #holds(target: ErasureTarget, file: SegmentFile): Promise<boolean> {
    const { hours, openDuck, workDir } = this.#options.tools;
    const folder = join(workDir, 'erasure');
    const path = join(folder, 'looked-through.parquet');
    const schema = hours.manifest.schemas.get(streamKey(file));
    if (schema === undefined) return false;
    await mkdir(folder, { recursive: true });
    try {
      await hours.committer.fetch(file.path, path);
      const duck = await openDuck();
      try {
        const condition = (columns: readonly string[]) => erasedCondition(target, schema, columns);
        return (await countRows(duck, path, condition)) > 0;
      } finally {
        duck.close();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #begin(job: ErasureJob, hour: Hour): void {
    const erased = { files: 0, rows: 0, uncounted: new Map<number, number>() };
    const rewriting = erasing(job.target, ({ taken, counted }) => {
      if (taken > 0) erased.files += 1;
      erased.rows += taken;
      for (const [partition, rows] of counted) {
        erased.uncounted.set(partition, (erased.uncounted.get(partition) ?? 0) + rows);
      }
    });
    const rewrite = new HourRewrite(this.#options.tools, rewriting, hour);
    this.#running = { job, rewrite, erased };
  }

  async #commit({ job, rewrite, erased }: RunningHour): Promise<void> {
    const { clock, log, putOff } = this.#options;
    const { hour } = rewrite;
    try {
      const marks = rewrite.marks();
      if (marks === undefined) return;
      const { stream, hourMs } = hour;
      job.intent = {
        stream,
        hourMs,
        ...marks,
        ...erased,
        uncounted: [...erased.uncounted],
      };
      await job.keeper.intended(job.target.id, job.intent);
      const report = await rewrite.commit();
      putOff.succeeded(keyOf(job));
      if (report === undefined) {
        await job.keeper.settled(job.target.id, false);
        job.intent = undefined;
        return;
      }
      for (const path of this.#options.tools.hours.of(hour)?.files.keys() ?? [])
        job.clean.add(path);
      log.info({ hour: hour.folder, ...report }, 'events are erased from an hour of the archive');
    } catch (error) {
      putOff.failed(keyOf(job), clock.now(), error);
      throw error;
    } finally {
      await this.#end();
    }
  }

  async #end(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.rewrite.close();
  }
}

const keyOf = ({ target }: ErasureJob): string => `erasure ${target.id}`;

const mayHold = (file: SegmentFile, target: ErasureTarget): boolean =>
  file.tenant === target.tenant &&
  (target.stream === undefined || file.stream === target.stream) &&
  (file.from < lastOffsetIn(target.before) || file.hourMs < target.arrivedBeforeMs);

/** File by file. Those that do not hold the value go to the new folder as they are: Hive has one place for an hour. */
const erasing = (target: ErasureTarget, took: (filtered: FilteredSegment) => void): Rewriting => ({
  change: 'erasure',
  group: (files) => files.map((file) => [file]),
  async rewrite({ paths, schema }, duck, outPath) {
    const [path = ''] = paths;
    const condition = (columns: readonly string[]) => erasedCondition(target, schema, columns);
    const counted = outside(target.counted);
    const filtered = await filterSegment(duck, path, schema, condition, outPath, counted);
    took(filtered);
    if (filtered.left !== undefined) return filtered.left;
    return filtered.taken === 0 ? 'kept' : 'empty';
  },
});
