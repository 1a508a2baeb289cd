/** The writer's side of the manifest: claims the archive, adds versions, and keeps the chain short. */
import { ok as assert } from 'node:assert';
import { randomUUID } from 'node:crypto';
import type { Clock } from '../../src/model/clock.ts';
import { AppError, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import {
  MANIFEST_ATTEMPTS_MAX,
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
  SHARED_MANIFEST_FORMAT,
} from './manifest.ts';
import { decodeVersion, encodeCheckpoint, encodeVersion } from './manifest-codec.ts';
import {
  checkpointPath,
  MANIFEST_FOLDER,
  parseManifestName,
  type Staging,
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
  /** Of this node of a cluster, which writes beside the others. Default: this server has the archive alone. */
  readonly life?: number | undefined;
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
  /** With another log: where in it the archive ends. Without them that is its beginning. */
  readonly positions?: Readonly<Record<number, number>> | undefined;
}

/** What a version says, apart from who and when. */
export type ManifestCommit = Pick<
  ManifestVersion,
  'change' | 'positions' | 'after' | 'dismissed' | 'add' | 'remove' | 'deleted' | 'schemas'
>;

/**
 * What is to follow this manifest. In a cluster it is asked again whenever another node was faster; undefined: it cannot follow any more,
 * and comes to nothing.
 */
export type CommitPlan = (manifest: Manifest) => ManifestCommit | undefined;

/** One call at a time. After one that rejected nothing is known of the next version: claim again. */
export class ManifestStore {
  readonly #archive: Archive;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #reader: ManifestReader;
  readonly #settle: ManifestStoreOptions['settle'];
  readonly #checkpointVersions: number;
  readonly #guard: ClaimGuard | undefined;
  readonly #life: number | undefined;
  #owner: ManifestOwner | undefined;
  /** Of the next commit. */
  #commit = randomUUID();
  #checkpoint = 0;
  /** The newest version that is known to be settled. */
  #settled = 0;

  constructor(options: ManifestStoreOptions) {
    const { archive, clock, log, settle, checkpointVersions, guard, life } = options;
    this.#archive = archive;
    this.#clock = clock;
    this.#log = log;
    this.#settle = settle;
    this.#guard = guard;
    this.#life = life;
    this.#checkpointVersions = checkpointVersions ?? MANIFEST_CHECKPOINT_VERSIONS;
    this.#reader = new ManifestReader(archive, log);
  }

  get manifest(): Manifest {
    return this.#reader.manifest;
  }

  /** Where the next commit's files wait for it (`stagedPath`). In a cluster it may come to be a later version. */
  get next(): Staging {
    const { epoch, version } = this.manifest;
    return {
      format: this.#life === undefined ? MANIFEST_FORMAT : SHARED_MANIFEST_FORMAT,
      epoch: this.#life ?? epoch,
      version: version + 1,
      commit: this.#commit,
    };
  }

  /**
   * Makes this server the only one that may write, from the next version on; a node of a cluster one of those that may. Whatever version
   * was the newest is settled before: so a version always finds all files of its predecessors in place, even if their writer died on the
   * way. And no version that this node has asked for before, and of which it has heard nothing, can still be made.
   *
   * Rejects with `archive_foreign`, as the guard judges, and as the archive does.
   */
  async claim({ owner, takeOver = false, positions = {} }: Claim): Promise<Manifest> {
    const reader = this.#reader;
    this.#owner = undefined;
    await reader.load();
    for (let attempt = 0; attempt < MANIFEST_CLAIMS_MAX; attempt++) {
      if (!takeOver) {
        refuseForeign(reader.manifest.owner, owner, this.#archive.url);
        this.#guard?.judge(reader.manifest, reader.newest);
      }
      if (!(await this.#settleNewest())) continue;
      this.#commit = randomUUID();
      const claim = this.#version(owner, this.#life ?? reader.manifest.epoch + 1, {
        change: 'claim',
        positions,
        add: [],
        remove: [],
        deleted: [],
        schemas: [],
      });
      if ((await this.#create(claim)) === 'created') {
        this.#commit = randomUUID();
        this.#owner = owner;
        this.#checkpoint = reader.checkpoint;
        this.#settled = claim.version;
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
   * Adds a version, settles it, and answers it; undefined if the plan came to nothing. Rejects with `archive_fenced` if another server has
   * claimed the archive, `archive_io` if the manifest is full, and as the archive does.
   */
  async commit(plan: CommitPlan): Promise<ManifestVersion | undefined> {
    const owner = this.#owner;
    assert(owner !== undefined, 'who commits has claimed the archive, and has not failed since');
    this.#owner = undefined;
    const version = await this.#add(owner, plan);
    this.#commit = randomUUID();
    this.#owner = owner;
    return version;
  }

  async #add(owner: ManifestOwner, plan: CommitPlan): Promise<ManifestVersion | undefined> {
    for (let attempt = 0; attempt < MANIFEST_ATTEMPTS_MAX; attempt++) {
      const { manifest } = this.#reader;
      const change = plan(manifest);
      if (change === undefined) return undefined;
      refuseFull(manifest.files.size + change.add.length - change.remove.length, this.#archive.url);
      const version = this.#version(owner, this.#life ?? manifest.epoch, change);
      const wrong = contradiction(manifest, version);
      assert(wrong === undefined, `a version that cannot follow: ${wrong}`);
      const outcome = await this.#create(version);
      if (outcome === 'created') {
        this.#reader.follow(version);
        if (await this.#settleNewest()) return version;
        if (this.#life === undefined) throw fenced(version, this.#reader.newest);
        await this.#catchUp();
        return version;
      }
      if (this.#life === undefined) throw fenced(version, outcome);
      await this.#catchUp();
    }
    throw new AppError(
      'archive_unavailable',
      `${this.#archive.url}: others have written each of ${MANIFEST_ATTEMPTS_MAX} versions before this node could write one; see which servers use it`,
    );
  }

  /** What the others have written since; all files of it are at their paths. Rejects as `commit`. For nodes of a cluster. */
  async refresh(): Promise<Manifest> {
    await this.#catchUp();
    return this.manifest;
  }

  async #catchUp(): Promise<void> {
    const reader = this.#reader;
    for (let attempt = 0; attempt < MANIFEST_ATTEMPTS_MAX; attempt++) {
      const { version } = await reader.refresh();
      this.#refuseOutsider();
      // Whoever made a version of that number has written the checkpoint.
      const due = version - (version % this.#checkpointVersions);
      this.#checkpoint = Math.max(this.#checkpoint, due);
      if (version === this.#settled || (await this.#settleNewest())) return;
    }
    throw new AppError(
      'archive_unavailable',
      `${this.#archive.url}: others write faster than this node can read; see which servers use it`,
    );
  }

  #refuseOutsider(): void {
    const { manifest, newest } = this.#reader;
    if (newest === undefined) return;
    if (manifest.writers === undefined) throw fenced(newest, newest);
    if (manifest.writers.has(this.#life ?? 0)) return;
    throw new AppError(
      'archive_unavailable',
      `the cluster has taken this node for gone, and dismissed its life ${this.#life} as a writer of ${this.#archive.url}: it begins anew`,
    );
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
      ...this.next,
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
      this.#settled = newest.version;
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
