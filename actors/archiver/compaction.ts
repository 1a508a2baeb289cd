/**
 * Makes few large files of the many small ones that cuts leave: hours that are over are rewritten, one after the other, file by
 * file.
 */

import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { totalOf } from '../../storage/archive/segment-list.ts';
import { mergeSegments } from '../../storage/segments/seal.ts';
import {
  type CompactionPolicy,
  compactionDueMs,
  filesSaved,
  groupFiles,
} from './compaction-choice.ts';
import { HourRewrite, type RewriteTools, type Rewriting } from './hour-rewrite.ts';
import type { Hour } from './hours.ts';
import type { ArchiveWork, PutOff, WorkNumbers } from './work.ts';

export interface CompactionOptions {
  readonly tools: RewriteTools;
  readonly policy: CompactionPolicy;
  readonly putOff: PutOff;
  readonly clock: Clock;
  readonly log: Logger;
}

export class Compaction implements ArchiveWork {
  readonly #options: CompactionOptions;
  readonly #rewriting: Rewriting;
  #running: HourRewrite | undefined;
  #runningSinceMs = 0;
  readonly #demanded = new Set<Hour>();
  /** It is asked for every second, and there may be thousands of hours. */
  readonly #due = new WeakMap<Hour, { readonly revision: number; readonly dueMs: number }>();
  readonly #work = { compactions: 0, filesMerged: 0, filesMade: 0 };

  constructor(options: CompactionOptions) {
    this.#options = options;
    this.#rewriting = compacting(options.policy.fileBytes);
  }

  /** Since the thread's start: hours, their files before and after. */
  get counts(): {
    readonly compactions: number;
    readonly filesMerged: number;
    readonly filesMade: number;
  } {
    return { ...this.#work };
  }

  /** Every hour that has too many files now, those too that are not over, is due until it was tried once. */
  demand(): void {
    const { tools, policy } = this.#options;
    for (const hour of tools.hours.withSeveralFiles()) {
      if (filesSaved(hour.files.values(), policy.fileBytes) > 0) this.#demanded.add(hour);
    }
  }

  get isDemanded(): boolean {
    return this.#demanded.size > 0;
  }

  dueMs(): number {
    if (this.#running !== undefined || this.isDemanded) return 0;
    return this.#next()?.dueMs ?? Number.POSITIVE_INFINITY;
  }

  async step(): Promise<void> {
    const [demanded] = this.#demanded;
    const running = this.#running ?? this.#begin(demanded ?? this.#next()?.hour);
    if (running !== undefined) await this.#stepOf(running);
  }

  numbers(): WorkNumbers {
    const { done, total } = this.#running?.progress ?? { done: 0, total: 0 };
    const subject = this.#running?.hour.folder;
    return { kind: 'compaction', subject, done, total, problem: this.#options.putOff.problem };
  }

  #next(): { readonly hour: Hour; readonly dueMs: number } | undefined {
    const { tools, policy, putOff } = this.#options;
    if (!policy.enabled) return undefined;
    let next: { readonly hour: Hour; readonly dueMs: number } | undefined;
    for (const hour of tools.hours.withSeveralFiles()) {
      const dueMs = Math.max(this.#dueMsOf(hour), putOff.until(hour.folder));
      if (dueMs < (next?.dueMs ?? Number.POSITIVE_INFINITY)) next = { hour, dueMs };
    }
    return next;
  }

  #dueMsOf(hour: Hour): number {
    const known = this.#due.get(hour);
    if (known?.revision === hour.revision) return known.dueMs;
    const dueMs = compactionDueMs(hour, this.#options.policy);
    this.#due.set(hour, { revision: hour.revision, dueMs });
    return dueMs;
  }

  #begin(hour: Hour | undefined): HourRewrite | undefined {
    if (hour === undefined) return undefined;
    this.#running = new HourRewrite(this.#options.tools, this.#rewriting, hour);
    this.#runningSinceMs = this.#options.clock.now();
    return this.#running;
  }

  async #stepOf(running: HourRewrite): Promise<void> {
    const { clock, log, putOff, tools } = this.#options;
    const { folder } = running.hour;
    try {
      if (!(await running.prepare())) return;
    } catch (error) {
      // The next start begins anew.
      if (tools.signal.aborted) return;
      log.warn({ err: error, hour: folder }, 'an hour could not be compacted: it is put off');
      putOff.failed(folder, clock.now(), error);
      await this.#end(running);
      return;
    }
    try {
      const report = await running.commit();
      putOff.succeeded(folder);
      if (report === undefined) return;
      this.#work.compactions += 1;
      this.#work.filesMerged += report.filesBefore;
      this.#work.filesMade += report.filesAfter;
      const tookMs = clock.now() - this.#runningSinceMs;
      log.info({ hour: folder, ...report, tookMs }, 'an hour is compacted');
    } catch (error) {
      putOff.failed(folder, clock.now(), error);
      throw error;
    } finally {
      await this.#end(running);
    }
  }

  async #end(running: HourRewrite): Promise<void> {
    this.#running = undefined;
    this.#demanded.delete(running.hour);
    await running.close();
  }
}

/** Files of about that size, each sorted. No row is lost or added. */
const compacting = (fileBytes: number): Rewriting => ({
  change: 'compaction',
  group: (files) => groupFiles(files, fileBytes),
  async rewrite({ files, paths, schema }, duck, outPath) {
    if (files.length === 1) return 'kept';
    const merged = await mergeSegments(duck, paths, schema, outPath);
    const { rows } = totalOf(files);
    if (merged.rows === rows) return merged;
    throw new AppError(
      'segment_failed',
      `${files.length} files have ${merged.rows} rows, and ${rows} by the manifest, beginning with ${files[0]?.path}: ask "streamgauge segments verify"`,
    );
  },
});
