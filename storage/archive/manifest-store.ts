/** The writer's side of the manifest: claims the archive, adds versions, and keeps the chain short. */
import { ok as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../src/model/clock.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import {
  MANIFEST_CHECKPOINT_VERSIONS,
  MANIFEST_CLAIMS_MAX,
  MANIFEST_FILES_MAX,
  MANIFEST_KEPT_MS,
} from '../limits.ts';
import type { Archive } from './archive.ts';
import {
  MANIFEST_FORMAT,
  type Manifest,
  type ManifestOwner,
  type ManifestVersion,
} from './manifest.ts';
import { decodeVersion, encodeCheckpoint, encodeVersion } from './manifest-codec.ts';
import {
  checkpointPath,
  MANIFEST_FOLDER,
  parseManifestName,
  versionPath,
} from './manifest-paths.ts';
import { ManifestReader } from './manifest-reader.ts';
import { contradiction } from './manifest-sum.ts';

export interface ManifestStoreOptions {
  readonly archive: Archive;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Brings the files of a version to their paths, which may have been done before. Rejects with `archive_missing` if
   * one is nowhere.
   */
  readonly settle: (version: ManifestVersion) => Promise<void>;
  /** Versions from one checkpoint to the next. */
  readonly checkpointVersions?: number | undefined;
  /** Default: whoever has the owner's log may claim. */
  readonly guard?: ClaimGuard | undefined;
}

/** Tells the owner from others that have its log. */
export interface ClaimGuard {
  /**
   * Throws if this server must not go on from what it has found; `newest` is undefined if that is nothing. Before a claim writes
   * anything, and with each try.
   */
  judge(manifest: Manifest, newest: ManifestVersion | undefined): void;
  /** Of a version that is about to be created. Resolves when that survives a power cut. */
  remember(commit: string): Promise<void>;
  /** Of a version that has been created. Resolves as `remember`. */
  made(version: ManifestVersion): Promise<void>;
}

export interface Claim {
  readonly owner: ManifestOwner;
  /** Claims also an archive that belongs to the log of another server. Its files stay, its positions mean nothing any more. */
  readonly takeOver?: boolean | undefined;
}

/** What a version says, apart from who and when. */
export type ManifestCommit = Pick<
  ManifestVersion,
  'change' | 'positions' | 'add' | 'remove' | 'deleted' | 'schemas'
>;

/** One call at a time. After one that rejected nothing is known of the next version: claim again. */
export class ManifestStore {
  readonly #archive: Archive;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #reader: ManifestReader;
  readonly #settle: ManifestStoreOptions['settle'];
  readonly #checkpointVersions: number;
  readonly #guard: ClaimGuard | undefined;
  #owner: ManifestOwner | undefined;
  #checkpoint = 0;

  constructor(options: ManifestStoreOptions) {
    const { archive, clock, log, settle, checkpointVersions, guard } = options;
    this.#archive = archive;
    this.#clock = clock;
    this.#log = log;
    this.#settle = settle;
    this.#guard = guard;
    this.#checkpointVersions = checkpointVersions ?? MANIFEST_CHECKPOINT_VERSIONS;
    this.#reader = new ManifestReader(archive, log);
  }

  get manifest(): Manifest {
    return this.#reader.manifest;
  }

  /** Where the next commit's files wait for it (`stagedPath`). */
  get next(): { readonly epoch: number; readonly version: number } {
    const { epoch, version } = this.manifest;
    return { epoch, version: version + 1 };
  }

  /**
   * Makes this server the only one that may write, from the next version on. Whatever version was the newest is settled
   * before: so a version always finds all files of its predecessors in place, even if their writer died on the way.
   *
   * Rejects with `archive_foreign`, as the guard judges, and as the archive does.
   */
  async claim({ owner, takeOver = false }: Claim): Promise<Manifest> {
    const reader = this.#reader;
    this.#owner = undefined;
    await reader.load();
    for (let attempt = 0; attempt < MANIFEST_CLAIMS_MAX; attempt++) {
      if (!takeOver) {
        refuseForeign(reader.manifest.owner, owner, this.#archive.url);
        this.#guard?.judge(reader.manifest, reader.newest);
      }
      if (!(await this.#settleNewest())) continue;
      const claim = this.#version(owner, reader.manifest.epoch + 1, {
        change: 'claim',
        positions: {},
        add: [],
        remove: [],
        deleted: [],
        schemas: [],
      });
      if ((await this.#create(claim)) === 'created') {
        this.#owner = owner;
        this.#checkpoint = reader.checkpoint;
        reader.follow(claim);
        return reader.manifest;
      }
      await reader.refresh();
    }
    throw new AppError(
      'archive_unavailable',
      `${this.#archive.url}: others have written each of ${MANIFEST_CLAIMS_MAX} versions before this server could claim the archive; see which servers use it`,
    );
  }

  /**
   * Adds a version, settles it, and answers it. Rejects with `archive_fenced` if another server has claimed the archive, `archive_io`
   * if the manifest is full, and as the archive does.
   */
  async commit(change: ManifestCommit): Promise<ManifestVersion> {
    const owner = this.#owner;
    assert(owner !== undefined, 'who commits has claimed the archive, and has not failed since');
    this.#owner = undefined;
    const { manifest } = this.#reader;
    refuseFull(manifest.files.size + change.add.length - change.remove.length, this.#archive.url);
    const version = this.#version(owner, manifest.epoch, change);
    const wrong = contradiction(manifest, version);
    assert(wrong === undefined, `a version that cannot follow: ${wrong}`);
    const outcome = await this.#create(version);
    if (outcome !== 'created') throw fenced(version, outcome);
    this.#reader.follow(version);
    if (!(await this.#settleNewest())) throw fenced(version, this.#reader.newest);
    this.#owner = owner;
    return version;
  }

  /**
   * Writes a checkpoint if there are enough versions since the last one, and removes what nobody needs behind it. That
   * can wait, and so rejects with nothing that the archive says.
   */
  async tidy(): Promise<void> {
    const { manifest } = this.#reader;
    if (manifest.version - this.#checkpoint < this.#checkpointVersions) return;
    try {
      const bytes = encodeCheckpoint(manifest, this.#clock.now());
      // False: it was written before, by a server that heard no answer, or has lost its claim since.
      await this.#archive.create(checkpointPath(manifest.version), bytes);
      this.#checkpoint = manifest.version;
      await this.#removeOld();
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.#log.warn({ err: error }, 'the manifest could not be tidied: it will be tried again');
    }
  }

  #version(owner: ManifestOwner, epoch: number, change: ManifestCommit): ManifestVersion {
    return {
      format: MANIFEST_FORMAT,
      version: this.manifest.version + 1,
      commit: randomUUID(),
      epoch,
      owner,
      atMs: this.#clock.now(),
      ...change,
    };
  }

  /** False if somebody has gone on from the newest version meanwhile. */
  async #settleNewest(): Promise<boolean> {
    const { newest } = this.#reader;
    if (newest === undefined) return true;
    try {
      await this.#settle(newest);
      return true;
    } catch (error) {
      // A file that is at neither place was settled, and then removed by a later version; or it is lost.
      if (!isFault(error, 'archive_missing')) throw error;
      const { version } = await this.#reader.refresh();
      if (version === newest.version) throw error;
      return false;
    }
  }

  /** The version that is there in place of it, if another has written one; undefined if so many that it was removed. */
  async #create(version: ManifestVersion): Promise<'created' | ManifestVersion | undefined> {
    const path = versionPath(version.version);
    const bytes = encodeVersion(version);
    // What could not be read again must not be written.
    decodeVersion(bytes, path);
    await this.#guard?.remember(version.commit);
    if (!(await this.#archive.create(path, bytes))) {
      const there = await this.#reader.readVersion(version.version);
      if (there?.commit !== version.commit) return there;
    }
    if (await this.#reader.isKept(this.#reader.newest)) {
      await this.#guard?.made(version);
      return 'created';
    }
    // The chain has gone on so far that its old versions were removed: this one is in the place of one of them.
    await this.#archive.remove(path);
    await this.#refuseLost(version);
    return undefined;
  }

  /** Nobody has gone on where nothing newer is: then the archive is not the one that was claimed. */
  async #refuseLost({ version }: ManifestVersion): Promise<void> {
    const entries = await this.#archive.list(MANIFEST_FOLDER);
    if (entries.some(({ name }) => (parseManifestName(name)?.version ?? 0) >= version)) return;
    throw new AppError(
      'archive_unavailable',
      `${this.#archive.url} has lost version ${version - 1}, which was there before: bring it back as it was`,
    );
  }

  /** Everything behind the newest checkpoint that is old enough, but never behind the second newest of all. */
  async #removeOld(): Promise<void> {
    const entries = (await this.#archive.list(MANIFEST_FOLDER)).flatMap(({ name }) => {
      const parsed = parseManifestName(name);
      return parsed === undefined ? [] : [{ ...parsed, path: `${MANIFEST_FOLDER}/${name}` }];
    });
    const checkpoints = entries.filter(({ kind }) => kind === 'checkpoint');
    let end = 0;
    for (const { version } of checkpoints.slice(0, -1)) {
      const kept = await this.#reader.readVersion(version);
      if (kept !== undefined && this.#clock.now() - kept.atMs < MANIFEST_KEPT_MS) break;
      end = version;
    }
    const old = entries.filter(({ version }) => version < end);
    // In their order, one by one: see `ManifestReader.isKept`.
    for (const { path } of old.sort((a, b) => a.version - b.version)) {
      await this.#archive.remove(path);
    }
  }
}

function refuseForeign(held: ManifestOwner | undefined, owner: ManifestOwner, url: string): void {
  if (held === undefined || held.journal === owner.journal) return;
  throw new AppError(
    'archive_foreign',
    `${url} belongs to the log ${held.journal} of ${held.host}, and this server's log is ${owner.journal}: give each server an archive of its own, or take this one over`,
  );
}

function refuseFull(files: number, url: string): void {
  if (files <= MANIFEST_FILES_MAX) return;
  throw new AppError(
    'archive_io',
    `${url} would hold ${files} files, and the manifest has room for ${MANIFEST_FILES_MAX}: keep less, or let hours be compacted`,
  );
}

function fenced(mine: ManifestVersion, by: ManifestVersion | undefined): AppError {
  const { version } = by ?? mine;
  const who =
    by === undefined
      ? 'long ago'
      : `by process ${by.owner.pid} on ${by.owner.host} with epoch ${by.epoch}`;
  return new AppError(
    'archive_fenced',
    `version ${version} of the manifest was written ${who}, and this server has epoch ${mine.epoch}: two servers use one archive; stop one of them, and restart the other`,
    { path: versionPath(version) },
  );
}
