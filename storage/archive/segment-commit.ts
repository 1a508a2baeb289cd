/**
 * Brings segments into the archive, so that a file which a reader of directories can see is always a committed one:
 *
 * 1. the files are put into the temporary folder, under names that the next version's number gives;
 * 2. the version is created: from here on they are committed;
 * 3. they are moved to their paths.
 *
 * A crash before 2 leaves files that nobody asks for, one after it a version whose moves are made by whoever claims the
 * archive next. Nothing is remembered outside of the archive.
 */
import { ok as assert } from 'node:assert';
import type { Clock } from '../../src/model/clock.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import {
  ARCHIVE_TEMPORARY_KEPT_MS,
  ARCHIVE_TRANSFERS_AT_ONCE,
  MANIFEST_VERSION_FILES_MAX,
} from '../limits.ts';
import type { Archive } from './archive.ts';
import { atOnce } from './at-once.ts';
import type {
  Manifest,
  ManifestChange,
  ManifestOwner,
  ManifestVersion,
  SegmentFile,
} from './manifest.ts';
import { epochOfStaged, stagedPath } from './manifest-paths.ts';
import { type ManifestCommit, ManifestStore, type ManifestStoreOptions } from './manifest-store.ts';
import { TEMPORARY_FOLDER } from './paths.ts';
import { type Patience, patientArchive } from './patient-archive.ts';

export interface SegmentCommitterOptions extends Patience, Omit<ManifestStoreOptions, 'settle'> {
  readonly owner: ManifestOwner;
  /** See `Claim`. */
  readonly takeOver?: boolean | undefined;
}

/** A file on this machine, and what it will be in the archive. */
export interface NewSegment {
  readonly file: SegmentFile;
  readonly localPath: string;
}

export interface SegmentCommit {
  /** Per partition, everything before is in the archive with this commit. Those that did not move are passed over. */
  readonly positions: ReadonlyMap<number, number>;
  readonly files: readonly NewSegment[];
  /** Those that are new or have grown. */
  readonly schemas: readonly StreamSchema[];
}

export interface SegmentReplacement {
  readonly change: Exclude<ManifestChange, 'claim' | 'segments'>;
  readonly add: readonly NewSegment[];
  /** Paths. */
  readonly remove: readonly string[];
}

/**
 * Owned by whoever archives: one commit at a time. While the archive is unavailable a call waits, until `signal` ends its
 * patience. After a call that rejected the committer takes nothing more: what it was about may be in the archive or not, and
 * one that is opened anew finds out. But not after `archive_fenced`: then another server owns the archive.
 */
export class SegmentCommitter {
  readonly #archive: Archive;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #store: ManifestStore;
  #manifest: Manifest;
  /** Removed files that have been deleted since the newest version, which the next one tells. */
  readonly #deleted = new Set<string>();
  #isReady = true;

  /** Claims the archive, finishes what the last owner has begun, and takes away what it has left. Rejects as `ManifestStore.claim`. */
  static async open(options: SegmentCommitterOptions): Promise<SegmentCommitter> {
    const { owner, takeOver } = options;
    const archive = patientArchive(options.archive, options);
    const store = new ManifestStore({
      ...options,
      archive,
      settle: (version) => settle(archive, version),
    });
    await store.claim({ owner, takeOver });
    const committer = new SegmentCommitter(archive, store, options);
    await committer.sweep();
    await store.tidy();
    return committer;
  }

  private constructor(archive: Archive, store: ManifestStore, options: SegmentCommitterOptions) {
    this.#archive = archive;
    this.#store = store;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#manifest = store.manifest;
  }

  /** The archive's. */
  get url(): string {
    return this.#archive.url;
  }

  /** As of the newest version of this committer whose files are all at their paths. */
  get manifest(): Manifest {
    return this.#manifest;
  }

  /** The number that the next version will have, and its epoch: paths of its files may say so. */
  get next(): { readonly epoch: number; readonly version: number } {
    return this.#store.next;
  }

  /** Copies one of the archive's files to a local path; waits while the archive is unavailable. */
  fetch(path: string, localPath: string): Promise<void> {
    return this.#archive.fetch(path, localPath);
  }

  /** Answers the version. */
  async commit({ positions, files, schemas }: SegmentCommit): Promise<ManifestVersion> {
    const before = this.#manifest.positions;
    const moved = [...positions].filter(([partition, to]) => to !== before.get(partition));
    return this.#commit(files, {
      change: 'segments',
      positions: Object.fromEntries(moved),
      remove: [],
      schemas,
    });
  }

  /**
   * Puts files in the place of others, or of nothing. Those that are removed can be read until `removeExpired`. Answers the
   * version.
   */
  replace({ change, add, remove }: SegmentReplacement): Promise<ManifestVersion> {
    return this.#commit(add, { change, positions: {}, remove, schemas: [] });
  }

  /**
   * Deletes files that were removed at least `graceMs` ago, of those that `mayGo`. Answers them; a later version tells of them.
   * May be cut off, and repeated, at any time.
   */
  async removeExpired(
    graceMs: number,
    mayGo: (path: string) => boolean = () => true,
  ): Promise<readonly string[]> {
    assert(this.#isReady, ONE_AT_A_TIME);
    const { removed } = this.#manifest;
    const endMs = this.#clock.now() - graceMs;
    const room = MANIFEST_VERSION_FILES_MAX - this.#deleted.size;
    const expired = [...removed]
      .filter(([path, atMs]) => atMs <= endMs && !this.#deleted.has(path) && mayGo(path))
      .slice(0, room)
      .map(([path]) => path);
    await atOnce(expired, ARCHIVE_TRANSFERS_AT_ONCE, async (path) => {
      await this.#archive.remove(path);
      this.#deleted.add(path);
    });
    return expired;
  }

  /**
   * Takes away what writers have left that came to nothing: files of earlier epochs, whose versions are settled or can
   * not be created any more, and unknown ones of long ago. Files of later epochs belong to who has fenced this server.
   */
  async sweep(): Promise<number> {
    const oldMs = this.#clock.now() - ARCHIVE_TEMPORARY_KEPT_MS;
    const left = (await this.#archive.list(TEMPORARY_FOLDER)).filter(
      ({ name, isFolder, modifiedMs }) => {
        const epoch = epochOfStaged(name);
        if (epoch !== undefined) return epoch < this.#manifest.epoch;
        return !isFolder && modifiedMs > 0 && modifiedMs <= oldMs;
      },
    );
    await atOnce(left, ARCHIVE_TRANSFERS_AT_ONCE, ({ name }) =>
      this.#archive.remove(`${TEMPORARY_FOLDER}/${name}`),
    );
    if (left.length > 0) {
      this.#log.info({ files: left.length }, 'unfinished files were taken out of the archive');
    }
    return left.length;
  }

  async #commit(
    files: readonly NewSegment[],
    change: Omit<ManifestCommit, 'add' | 'deleted'>,
  ): Promise<ManifestVersion> {
    assert(this.#isReady, ONE_AT_A_TIME);
    this.#isReady = false;
    const { next } = this.#store;
    await atOnce(files.entries(), ARCHIVE_TRANSFERS_AT_ONCE, ([index, { localPath }]) =>
      this.#archive.put(stagedPath(next, index), localPath),
    );
    const deleted = [...this.#deleted];
    const add = files.map(({ file }) => file);
    const version = await this.#store.commit({ ...change, add, deleted });
    this.#deleted.clear();
    this.#manifest = this.#store.manifest;
    await this.#store.tidy();
    this.#isReady = true;
    return version;
  }
}

const ONE_AT_A_TIME = 'one call at a time, and no commit after one that has failed';

/** Brings the files of a version to their paths; those that are there stay. */
const settle = (archive: Archive, version: ManifestVersion): Promise<void> =>
  atOnce(version.add.entries(), ARCHIVE_TRANSFERS_AT_ONCE, async ([index, { path }]) => {
    const staged = stagedPath(version, index);
    try {
      await archive.move(staged, path);
    } catch (error) {
      if (!isFault(error, 'archive_missing')) throw error;
      throw new AppError(
        'archive_missing',
        `${path} of version ${version.version} is neither in its place nor at ${staged} in ${archive.url}: restore it from a copy of the archive`,
        { path },
        error,
      );
    }
  });
