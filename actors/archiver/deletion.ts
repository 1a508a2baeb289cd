/**
 * Deletes files that versions have removed, once nobody reads them any more: readers of an older version have had their time, and so has
 * Hive after it was told where the hour's files are now.
 */
import type { Clock } from '../../src/model/clock.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Hours } from './hours.ts';
import { DELETED_AT_ONCE_MAX, UNTOLD_MAX } from './limits.ts';
import { type ArchiveWork, PutOff, type WorkNumbers } from './work.ts';

const KEY = 'removed files';

export interface DeletionOptions {
  readonly hours: Hours;
  /** How long a removed file stays. */
  readonly keptMs: number;
  /** The version that Hive has been told of; undefined where no Hive is told. */
  readonly hiveVersion: () => number | undefined;
  /** When somebody began who reads longer than removed files stay, the first of them; infinite: nobody. */
  readonly readingSinceMs?: () => number;
  readonly clock: Clock;
}

interface Removed {
  /** Hive does not need it from this version on. */
  readonly version: number;
  /** Since when nobody finds it any more who begins to look. */
  unknownSinceMs: number | undefined;
}

export class Deletion implements ArchiveWork {
  readonly #options: DeletionOptions;
  /** Those that are not deleted yet. */
  readonly #removed = new Map<string, Removed>();
  readonly #deleted = new Set<string>();
  #seen = { version: -1, hiveVersion: -1 };
  #filesDeleted = 0;
  readonly #putOff = new PutOff();

  constructor(options: DeletionOptions) {
    this.#options = options;
  }

  get counts(): { readonly filesRemoved: number; readonly filesDeleted: number } {
    return { filesRemoved: this.#removed.size, filesDeleted: this.#filesDeleted };
  }

  dueMs(nowMs: number): number {
    return Math.max(this.#nextMs(nowMs), this.#putOff.until(KEY));
  }

  #nextMs(nowMs: number): number {
    this.#look(nowMs);
    // In the order in which they were removed.
    for (const { unknownSinceMs } of this.#removed.values()) {
      const sinceMs = unknownSinceMs ?? Number.POSITIVE_INFINITY;
      return sinceMs <= this.#readBeforeMs()
        ? sinceMs + this.#options.keptMs
        : Number.POSITIVE_INFINITY;
    }
    return Number.POSITIVE_INFINITY;
  }

  async step(): Promise<void> {
    const { hours, clock } = this.#options;
    let deleted: readonly string[];
    try {
      deleted = await this.#delete();
      this.#putOff.succeeded(KEY);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#putOff.failed(KEY, clock.now(), error);
      return;
    }
    for (const path of deleted) {
      this.#removed.delete(path);
      this.#deleted.add(path);
    }
    this.#filesDeleted += deleted.length;
    // The next version of any kind tells of them. One is made for it when there are no more, when they are many, and when those that are
    // left were deleted by an attempt that failed.
    const canWait = deleted.length > 0 && this.#removed.size > 0 && this.#deleted.size < UNTOLD_MAX;
    if (!canWait) await hours.replace({ change: 'retention', add: [], remove: [] });
  }

  #delete(): Promise<readonly string[]> {
    const { hours, keptMs, clock } = this.#options;
    const endMs = Math.min(clock.now() - keptMs, this.#readBeforeMs());
    let room = DELETED_AT_ONCE_MAX;
    return hours.committer.removeExpired(keptMs, (path) => {
      const isDue = (this.#removed.get(path)?.unknownSinceMs ?? Number.POSITIVE_INFINITY) <= endMs;
      return isDue && room-- > 0;
    });
  }

  numbers(): WorkNumbers {
    return {
      kind: 'deletion',
      done: this.#filesDeleted,
      total: this.#filesDeleted + this.#removed.size,
      problem: this.#putOff.problem,
    };
  }

  /** What was removed until then is read by nobody: whoever still reads began later than it could be found. */
  #readBeforeMs(): number {
    const { readingSinceMs, keptMs } = this.#options;
    return (readingSinceMs?.() ?? Number.POSITIVE_INFINITY) - keptMs;
  }

  #look(nowMs: number): void {
    const { hours, hiveVersion: told } = this.#options;
    const { version, removed } = hours.manifest;
    const hiveVersion = told() ?? Number.POSITIVE_INFINITY;
    if (this.#seen.version === version && this.#seen.hiveVersion === hiveVersion) return;
    this.#seen = { version, hiveVersion };
    for (const path of this.#deleted) if (!removed.has(path)) this.#deleted.delete(path);
    for (const path of this.#removed.keys()) if (!removed.has(path)) this.#removed.delete(path);
    for (const [path, removedMs] of removed) {
      if (this.#deleted.has(path)) continue;
      let file = this.#removed.get(path);
      if (file === undefined) {
        file = { version, unknownSinceMs: undefined };
        this.#removed.set(path, file);
      }
      if (hiveVersion < file.version) continue;
      file.unknownSinceMs ??= told() === undefined ? removedMs : Math.max(removedMs, nowMs);
    }
  }
}
