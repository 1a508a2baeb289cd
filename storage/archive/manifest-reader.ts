/** Follows the manifest: the newest checkpoint, and the versions since. Writes nothing. */
import { AppError, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { MANIFEST_READS_AT_ONCE } from '../limits.ts';
import type { Archive } from './archive.ts';
import { EMPTY_MANIFEST, type Manifest, type ManifestVersion } from './manifest.ts';
import { decodeCheckpoint, decodeVersion } from './manifest-codec.ts';
import {
  checkpointPath,
  MANIFEST_FOLDER,
  parseManifestName,
  versionPath,
} from './manifest-paths.ts';
import { contradiction, ManifestSum } from './manifest-sum.ts';

/**
 * Loading is begun again if old versions are removed under it, which takes days of sleep each time. So often in a row means
 * that something is lost.
 */
const LOADS_MAX = 8;

export class ManifestReader {
  readonly #archive: Archive;
  readonly #log: Logger;
  #manifest = EMPTY_MANIFEST;
  #newest: ManifestVersion | undefined;
  #checkpoint = 0;

  constructor(archive: Archive, log: Logger) {
    this.#archive = archive;
    this.#log = log;
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** The version that the manifest ends with; undefined while there is none. */
  get newest(): ManifestVersion | undefined {
    return this.#newest;
  }

  /** Version of the newest checkpoint that `load` has seen, 0 if none. */
  get checkpoint(): number {
    return this.#checkpoint;
  }

  /**
   * Reads everything anew. Files of the newest version may still be on their way to their paths; a reader that must find
   * every file passes a version that has been followed by another, or of which its writer has said so.
   *
   * @param upTo the last version to read
   */
  async load(upTo = Number.POSITIVE_INFINITY): Promise<Manifest> {
    for (let attempt = 1; ; attempt++) {
      const missing = await this.#tryToLoad(upTo);
      if (missing === undefined) return this.#manifest;
      if (attempt === LOADS_MAX) throw corrupt(missing, 'expected a file, received nothing');
    }
  }

  /** Reads what is new since the last time. */
  async refresh(upTo = Number.POSITIVE_INFINITY): Promise<Manifest> {
    if (this.#manifest.version >= upTo) return this.#manifest;
    const found = await this.#readOn(this.#manifest, this.#newest, upTo, 1);
    if (!(await this.isKept(this.#newest))) return this.load(upTo);
    return this.#take(found);
  }

  /** Takes over a version that this process has created, or read, as the next one. */
  follow(version: ManifestVersion): void {
    const sum = new ManifestSum(this.#manifest);
    sum.add(version);
    this.#manifest = sum.manifest;
    this.#newest = version;
  }

  async readVersion(version: number): Promise<ManifestVersion | undefined> {
    const path = versionPath(version);
    const bytes = await this.#archive.read(path);
    if (bytes === undefined) return undefined;
    const found = decodeVersion(bytes, path);
    if (found.version === version) return found;
    throw corrupt(path, `expected version ${version}, received ${found.version}`);
  }

  /** The path of what should be there and is not; undefined if all was. */
  async #tryToLoad(upTo: number): Promise<string | undefined> {
    const { checkpoints, last } = await this.#list();
    const usable = checkpoints.filter((version) => version <= upTo);
    const checkpoint = await this.#readCheckpoint(usable);
    if (checkpoint === undefined) return checkpointPath(usable[0] ?? 0);
    const first = Math.max(1, checkpoint.version);
    const known = await this.readVersion(first);
    const newest = checkpoint.version === 0 ? undefined : known;
    const found = await this.#readOn(checkpoint, newest, upTo, MANIFEST_READS_AT_ONCE);
    if (!(await this.isKept(known))) return versionPath(first);
    const { version } = this.#take(found);
    this.#checkpoint = checkpoints[0] ?? 0;
    return version < Math.min(last, upTo) ? versionPath(version + 1) : undefined;
  }

  /** Versions of all checkpoints, newest first, and of the last version that has a file of its own (0 if none has). */
  async #list(): Promise<{ checkpoints: number[]; last: number }> {
    const checkpoints: number[] = [];
    let last = 0;
    for (const { name } of await this.#archive.list(MANIFEST_FOLDER)) {
      const parsed = parseManifestName(name);
      if (parsed?.kind === 'checkpoint') checkpoints.unshift(parsed.version);
      else if (parsed?.kind === 'version') last = parsed.version;
    }
    return { checkpoints, last };
  }

  /**
   * The versions behind the second newest checkpoint are still there: so one that cannot be read does no harm. Undefined if
   * what was listed has been removed since.
   */
  async #readCheckpoint([newest, second]: readonly number[]): Promise<Manifest | undefined> {
    if (newest === undefined) return EMPTY_MANIFEST;
    try {
      return await this.#readOneCheckpoint(newest);
    } catch (error) {
      if (!isFault(error, 'manifest_corrupt')) throw error;
      this.#log.error({ err: error }, 'the newest checkpoint of the manifest cannot be read');
      return second === undefined ? EMPTY_MANIFEST : await this.#readOneCheckpoint(second);
    }
  }

  async #readOneCheckpoint(version: number): Promise<Manifest | undefined> {
    const path = checkpointPath(version);
    const bytes = await this.#archive.read(path);
    if (bytes === undefined) return undefined;
    const manifest = decodeCheckpoint(bytes, path);
    if (manifest.version === version) return manifest;
    throw corrupt(path, `expected version ${version}, received ${manifest.version}`);
  }

  /** Adds versions up until there are no more, one contradicts the others, or `upTo` is reached. */
  async #readOn(
    manifest: Manifest,
    newest: ManifestVersion | undefined,
    upTo: number,
    width: number,
  ): Promise<Found> {
    const sum = new ManifestSum(manifest);
    let last = newest;
    let end = upTo;
    while (sum.manifest.version < end) {
      const from = sum.manifest.version + 1;
      const numbers = Array.from({ length: width }, (_, i) => from + i).filter((n) => n <= end);
      const versions = await Promise.all(numbers.map((version) => this.readVersion(version)));
      // One that was asked for at the same time and comes later may have been created since.
      const missing = versions.indexOf(undefined);
      if (missing >= 0) end = from + missing - 1;
      for (const version of versions) {
        if (version === undefined || version.version > end) break;
        const wrong = contradiction(sum.manifest, version);
        if (wrong !== undefined) {
          const fault = corrupt(versionPath(version.version), wrong);
          return { manifest: sum.manifest, newest: last, fault };
        }
        sum.add(version);
        last = version;
      }
    }
    return { manifest: sum.manifest, newest: last };
  }

  #take({ manifest, newest, fault }: Found): Manifest {
    if (fault !== undefined) throw fault;
    this.#manifest = manifest;
    this.#newest = newest;
    return manifest;
  }

  /**
   * Whether the chain is whole from a version on that was read before (undefined: from its beginning). Asked afterwards, it
   * says that what was read behind that version, or found missing, is so: versions are removed in their order, so nothing
   * behind it had been removed. Else a place may be empty, or taken by a writer that has slept for too long.
   */
  async isKept(known: ManifestVersion | undefined): Promise<boolean> {
    if (known === undefined) return (await this.#list()).checkpoints.length === 0;
    return (await this.readVersion(known.version))?.commit === known.commit;
  }
}

interface Found {
  readonly manifest: Manifest;
  readonly newest: ManifestVersion | undefined;
  /** Of the version behind: it cannot follow. */
  readonly fault?: AppError;
}

const corrupt = (path: string, wrong: string): AppError =>
  new AppError('manifest_corrupt', `${path}: ${wrong}; restore it from a copy of the archive`, {
    path,
  });
