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
import type { Archive, ArchiveEntry } from './archive.ts';
import { atOnce } from './at-once.ts';
import type {
  Manifest,
  ManifestChange,
  ManifestOwner,
  ManifestVersion,
  SegmentFile,
} from './manifest.ts';
import { parseStagedName, type Staging, stagedPath } from './manifest-paths.ts';
import {
  type Claim,
  type ManifestCommit,
  ManifestStore,
  type ManifestStoreOptions,
} from './manifest-store.ts';
import { TEMPORARY_FOLDER } from './paths.ts';
import { type Patience, patientArchive } from './patient-archive.ts';

export interface SegmentCommitterOptions extends Patience, Omit<ManifestStoreOptions, 'settle'> {
  readonly owner: ManifestOwner;
  /** See `Claim`. */
  readonly takeOver?: Claim['takeOver'];
  readonly positions?: Claim['positions'];
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
  readonly change: Exclude<ManifestChange, 'claim' | 'segments' | 'dismissal'>;
  readonly add: readonly NewSegment[];
  /** Paths. */
  readonly remove: readonly string[];
}

/**
 * What becomes of a commit in a cluster when another node's version came first: the same files may need other paths. Undefined: it stands on
 * what is no more, and comes to nothing. `manifest`: as it is now.
 */
export type Rebase<Commit> = (commit: Commit) => Commit | undefined;

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
  readonly #life: number | undefined;
  #manifest: Manifest;
  /** Removed files that have been deleted since the newest version, which the next one tells. */
  readonly #deleted = new Set<string>();
  #isReady = true;

  /** Claims the archive, finishes what the last owner has begun, and takes away what it has left. Rejects as `ManifestStore.claim`. */
  static async open(options: SegmentCommitterOptions): Promise<SegmentCommitter> {
    const { owner, takeOver, positions } = options;
    const archive = patientArchive(options.archive, options);
    const store = new ManifestStore({
      ...options,
      archive,
      settle: (version) => settle(archive, version),
    });
    await store.claim({ owner, takeOver, positions });
    const committer = new SegmentCommitter(archive, store, options);
    await committer.sweep();
    await store.tidy();
    return committer;
  }

  private constructor(archive: Archive, store: ManifestStore, options: SegmentCommitterOptions) {
    this.#archive = archive;
    this.#store = store;
    this.#life = options.life;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#manifest = store.manifest;
  }

  /** The archive's. */
  get url(): string {
    return this.#archive.url;
  }

  /** As of the newest version that this committer has made or seen, whose files are all at their paths. */
  get manifest(): Manifest {
    return this.#manifest;
  }

  /** The number that the next version will have, and its epoch: paths of its files may say so. */
  get next(): Staging {
    return this.#store.next;
  }

  /** Whether it is one of several nodes of a cluster that write. */
  get isShared(): boolean {
    return this.#life !== undefined;
  }

  /** What other nodes of the cluster have committed since. Rejects as `ManifestStore.refresh`. */
  async refresh(): Promise<void> {
    assert(this.#isReady, ONE_AT_A_TIME);
    this.#isReady = false;
    this.#manifest = await this.#store.refresh();
    this.#isReady = true;
  }

  /** Copies one of the archive's files to a local path; waits while the archive is unavailable. */
  fetch(path: string, localPath: string): Promise<void> {
    return this.#archive.fetch(path, localPath);
  }

  /** Answers the version; undefined if other nodes' versions came first, and `rebase` has given it up. */
  commit(
    commit: SegmentCommit,
    rebase?: Rebase<SegmentCommit>,
  ): Promise<ManifestVersion | undefined> {
    return this.#commit(commit, rebase, ({ positions, files, schemas }) => {
      const before = this.#manifest.positions;
      const moved = [...positions].filter(([partition, to]) => to !== before.get(partition));
      const after = moved.map(([partition]) => [partition, before.get(partition) ?? 0] as const);
      return {
        change: 'segments',
        positions: Object.fromEntries(moved),
        ...(this.isShared && { after: Object.fromEntries(after) }),
        add: files.map(({ file }) => file),
        remove: [],
        schemas,
      };
    });
  }

  /** Puts files in the place of others, or of nothing. Those that are removed can be read until `removeExpired`. Answers as `commit`. */
  replace(
    replacement: SegmentReplacement,
    rebase?: Rebase<SegmentReplacement>,
  ): Promise<ManifestVersion | undefined> {
    const planned = { ...replacement, files: replacement.add };
    const again =
      rebase &&
      ((before: typeof planned) => {
        const after = rebase(before);
        return after && { ...after, files: after.add };
      });
    return this.#commit(planned, again, ({ change, files, remove }) => ({
      change,
      positions: {},
      add: files.map(({ file }) => file),
      remove,
      schemas: [],
    }));
  }

  /** Lets nodes of the cluster write no more that are not part of it; those that are after all are admitted again. */
  async dismiss(lives: readonly number[]): Promise<void> {
    const commit = { files: [] };
    await this.#commit(
      commit,
      () => commit,
      () => {
        const dismissed = lives.filter(
          (life) => this.#manifest.writers?.has(life) && life !== this.#life,
        );
        if (dismissed.length === 0) return undefined;
        return { change: 'dismissal', dismissed, positions: {}, add: [], remove: [], schemas: [] };
      },
    );
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
   * Takes away what writers have left that came to nothing: files of earlier epochs or of lives that are not admitted, whose versions are
   * settled or can not be created any more, and unknown ones of long ago. Files of later epochs belong to who has fenced this server.
   */
  async sweep(): Promise<number> {
    const listed = await this.#archive.list(TEMPORARY_FOLDER);
    // Behind the list: whoever has put one of those files was admitted before.
    if (this.isShared) await this.refresh();
    const left = listed.filter((entry) => this.#isLeft(entry));
    await atOnce(left, ARCHIVE_TRANSFERS_AT_ONCE, ({ name }) =>
      this.#archive.remove(`${TEMPORARY_FOLDER}/${name}`),
    );
    if (left.length > 0) {
      this.#log.info({ files: left.length }, 'unfinished files were taken out of the archive');
    }
    return left.length;
  }

  #isLeft({ name, isFolder, modifiedMs }: ArchiveEntry): boolean {
    const { epoch, writers } = this.#manifest;
    const oldMs = this.#clock.now() - ARCHIVE_TEMPORARY_KEPT_MS;
    const isOld = !isFolder && modifiedMs > 0 && modifiedMs <= oldMs;
    const staged = parseStagedName(name);
    if (staged === undefined) return isOld;
    if (writers === undefined)
      return staged.epoch < epoch && (staged.commit === undefined || isOld);
    if (staged.commit === undefined) return staged.epoch <= epoch;
    return staged.epoch === this.#life
      ? staged.commit !== this.next.commit
      : !writers.has(staged.epoch);
  }

  async #commit<Commit extends { readonly files: readonly NewSegment[] }>(
    commit: Commit,
    rebase: Rebase<Commit> | undefined,
    changeOf: (commit: Commit) => Omit<ManifestCommit, 'deleted'> | undefined,
  ): Promise<ManifestVersion | undefined> {
    assert(this.#isReady, ONE_AT_A_TIME);
    this.#isReady = false;
    const { files } = commit;
    const { next } = this.#store;
    await atOnce(files.entries(), ARCHIVE_TRANSFERS_AT_ONCE, ([index, { localPath }]) =>
      this.#archive.put(stagedPath(next, index), localPath),
    );
    let planned: Commit | undefined = commit;
    const version = await this.#store.commit((manifest) => {
      if (manifest !== this.#manifest) {
        this.#manifest = manifest;
        planned = planned && rebase?.(planned);
        assert(
          planned === undefined || planned.files.length === files.length,
          'files are staged once',
        );
      }
      const change = planned && changeOf(planned);
      const deleted = [...this.#deleted].filter((path) => manifest.removed.has(path));
      return change && { ...change, deleted };
    });
    this.#manifest = this.#store.manifest;
    if (version === undefined) await this.#unstage(next, files.length);
    else {
      this.#deleted.clear();
      await this.#store.tidy();
    }
    this.#isReady = true;
    return version;
  }

  /** What came to nothing is nobody's. */
  async #unstage(staging: Staging, files: number): Promise<void> {
    await atOnce(Array(files).keys(), ARCHIVE_TRANSFERS_AT_ONCE, (index) =>
      this.#archive.remove(stagedPath(staging, index)),
    );
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
