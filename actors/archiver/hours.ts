/**
 * What the archive holds, by hour: the manifest in the shape in which hours are rewritten and removed. All versions go through
 * here, those of other nodes of a cluster too, so that it is never behind the manifest.
 */
import type { Clock } from '../../src/model/clock.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import type { Manifest, ManifestVersion, SegmentFile } from '../../storage/archive/manifest.ts';
import { folderOf } from '../../storage/archive/paths.ts';
import type {
  SegmentCommit,
  SegmentCommitter,
  SegmentReplacement,
} from '../../storage/archive/segment-commit.ts';
import { type HourPlace, hourFolder, rewrittenFolder } from '../../storage/archive/segment-path.ts';
import { type Ground, rebaseCut, rebaseReplacement } from './rebase.ts';

/** Of one stream. */
export interface Hour extends HourPlace {
  /** Where all its files lie: Hive has one place for an hour. */
  readonly folder: string;
  /** By path; at least one. */
  readonly files: ReadonlyMap<string, SegmentFile>;
  /** When the last file came; 0: before the archive was opened. */
  readonly changedMs: number;
  /** Grows with each file that comes or goes. */
  readonly revision: number;
}

interface GrowingHour extends Hour {
  folder: string;
  files: Map<string, SegmentFile>;
  changedMs: number;
  revision: number;
}

export const endOf = ({ hourMs }: HourPlace): number => hourMs + HOUR_MS;

export class Hours {
  readonly committer: SegmentCommitter;
  readonly #clock: Clock;
  /** By the folder that each had at first. */
  readonly #hours = new Map<string, GrowingHour>();
  /** Those with more than one file: few, once they are compacted. */
  readonly #several = new Set<GrowingHour>();
  /** What the hours are as of. */
  #followed: Manifest;

  constructor(committer: SegmentCommitter, clock: Clock) {
    this.committer = committer;
    this.#clock = clock;
    this.#followed = committer.manifest;
    for (const file of committer.manifest.files.values()) this.#add(file, 0);
  }

  get manifest(): Manifest {
    return this.committer.manifest;
  }

  all(): Iterable<Hour> {
    return this.#hours.values();
  }

  withSeveralFiles(): Iterable<Hour> {
    return this.#several;
  }

  /** As it is now; undefined if it has no files. */
  of(place: HourPlace): Hour | undefined {
    return this.#hours.get(hourFolder(place));
  }

  /**
   * Where the next version has to put files of that hour: to the others. An hour without files has its first folder, unless removed
   * ones are still there: whoever reads folders would see both, and Hive may not have been told that the hour was elsewhere.
   */
  folderFor(place: HourPlace): string {
    const known = this.of(place);
    if (known !== undefined) return known.folder;
    const first = hourFolder(place);
    const { removed } = this.manifest;
    for (const path of removed.keys()) {
      const folder = folderOf(path);
      if (folder !== first && !folder.startsWith(`${first}-c`)) continue;
      return rewrittenFolder(place, this.committer.next.version);
    }
    return first;
  }

  /** What other nodes of a cluster have committed since. Rejects as the committer does. */
  async refresh(): Promise<void> {
    await this.committer.refresh();
    this.#catchUp();
  }

  /**
   * As `SegmentCommitter.commit`. Answers false if another node of a cluster has archived one of the partitions meanwhile, or has given a
   * stream other columns: then it is to be cut anew, from where the archive ends now.
   */
  async commit(commit: SegmentCommit): Promise<boolean> {
    const before = this.manifest;
    const version = await this.committer.commit(commit, (planned) => {
      this.#catchUp();
      return rebaseCut(planned, before, this.#ground());
    });
    this.#follow(version);
    return version !== undefined;
  }

  /**
   * As `SegmentCommitter.replace`. Files that are added to an hour come to those that stay, or nothing stays. Answers false if another node
   * of a cluster has changed the hour.
   */
  async replace(replacement: SegmentReplacement): Promise<boolean> {
    const version = await this.committer.replace(replacement, (planned) => {
      this.#catchUp();
      return rebaseReplacement(planned, this.#ground());
    });
    this.#follow(version);
    return version !== undefined;
  }

  /** As `SegmentCommitter.dismiss`. */
  async dismiss(lives: readonly number[]): Promise<void> {
    if (lives.length > 0) await this.committer.dismiss(lives);
    this.#catchUp();
  }

  /** As `SegmentCommitter.sweep`. */
  async sweep(): Promise<void> {
    await this.committer.sweep();
    this.#catchUp();
  }

  #ground(): Ground {
    return {
      manifest: this.manifest,
      version: this.committer.next.version,
      hourOf: (place) => this.of(place),
      folderFor: (place) => this.folderFor(place),
    };
  }

  #follow(version: ManifestVersion | undefined): void {
    const isNext = version !== undefined && version.version === this.#followed.version + 1;
    if (!isNext || version.version !== this.manifest.version) {
      this.#catchUp();
      return;
    }
    const before = this.#followed;
    this.#followed = this.manifest;
    for (const path of version.remove) {
      const file = before.files.get(path);
      if (file !== undefined) this.#remove(file);
    }
    const nowMs = this.#clock.now();
    for (const file of version.add) this.#add(file, nowMs);
  }

  /** As `#follow`, over versions that only the manifest tells of. */
  #catchUp(): void {
    const before = this.#followed;
    const now = this.manifest;
    if (before === now) return;
    this.#followed = now;
    for (const file of before.files.values()) if (!now.files.has(file.path)) this.#remove(file);
    const nowMs = this.#clock.now();
    for (const file of now.files.values()) if (!before.files.has(file.path)) this.#add(file, nowMs);
  }

  #add(file: SegmentFile, changedMs: number): void {
    const key = hourFolder(file);
    let hour = this.#hours.get(key);
    if (hour === undefined) {
      const { tenant, stream, hourMs } = file;
      hour = {
        tenant,
        stream,
        hourMs,
        folder: folderOf(file.path),
        files: new Map(),
        changedMs,
        revision: 0,
      };
      this.#hours.set(key, hour);
    }
    hour.files.set(file.path, file);
    hour.folder = folderOf(file.path);
    hour.changedMs = Math.max(hour.changedMs, changedMs);
    hour.revision += 1;
    if (hour.files.size > 1) this.#several.add(hour);
  }

  #remove(file: SegmentFile): void {
    const key = hourFolder(file);
    const hour = this.#hours.get(key);
    if (hour === undefined) return;
    hour.files.delete(file.path);
    hour.revision += 1;
    if (hour.files.size <= 1) this.#several.delete(hour);
    if (hour.files.size === 0) this.#hours.delete(key);
  }
}
