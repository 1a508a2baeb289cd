/**
 * The manifest as somebody follows it who trusts nobody: each version must follow from the one before, and an hour must always have one
 * folder, whose files a Hive would see that hears of versions late.
 */
import type { ManifestVersion } from '../storage/archive/manifest.ts';
import { folderOf } from '../storage/archive/paths.ts';
import { hourFolder } from '../storage/archive/segment-path.ts';

/** Something that must never be. */
export class Finding extends Error {}

export function demand(isRight: boolean, wrong: string): asserts isRight {
  if (!isRight) throw new Finding(wrong);
}

export interface AddedFile {
  readonly path: string;
  readonly rows: number;
  readonly version: number;
  /** Its hour and stream. */
  readonly hour: string;
}

/** Files that are part of the archive as of a version, by hour. */
class Contents {
  readonly files = new Set<string>();
  readonly hours = new Map<string, Set<string>>();

  apply({ add, remove }: ManifestVersion, hourOf: (path: string) => string): void {
    for (const path of remove) {
      this.files.delete(path);
      const hour = this.hours.get(hourOf(path));
      hour?.delete(path);
      if (hour?.size === 0) this.hours.delete(hourOf(path));
    }
    for (const { path } of add) {
      this.files.add(path);
      const hour = this.hours.get(hourOf(path)) ?? new Set();
      this.hours.set(hourOf(path), hour.add(path));
    }
  }
}

export class ArchiveChain {
  readonly #keptMs: number;
  /** Every file that any version has added. */
  readonly #added = new Map<string, AddedFile>();
  readonly #folders = new Set<string>();
  /** When each file was removed that is no longer part of the archive. */
  readonly #removed = new Map<string, number>();
  readonly #positions = new Map<string, number>();
  readonly #now = new Contents();
  /** What a Hive would have that hears of each version just before the files may be deleted that it removed. */
  readonly #hive = new Contents();
  readonly #untold: ManifestVersion[] = [];
  #newest: ManifestVersion | undefined;

  /** @param keptMs how long removed files stay */
  constructor(keptMs: number) {
    this.#keptMs = keptMs;
  }

  get newest(): ManifestVersion | undefined {
    return this.#newest;
  }

  /** The log before it is in the archive. */
  get archivedTo(): number {
    return Math.min(...this.#positions.values());
  }

  /** As of the newest version. */
  get files(): ReadonlySet<string> {
    return this.#now.files;
  }

  get fileCount(): number {
    return this.#added.size;
  }

  added(path: string): AddedFile | undefined {
    return this.#added.get(path);
  }

  isRemoved(path: string): boolean {
    return this.#removed.has(path);
  }

  follow(version: ManifestVersion): void {
    const name = `version ${version.version} of the manifest`;
    const before = this.#newest?.epoch ?? 0;
    const epoch = version.change === 'claim' ? before + 1 : before;
    demand(version.epoch === epoch, `${name}: expected epoch ${epoch}, received ${version.epoch}`);
    for (const [partition, position] of Object.entries(version.positions)) {
      const was = this.#positions.get(partition) ?? 0;
      demand(
        position >= was,
        `${name}: partition ${partition} goes back from ${was} to ${position}`,
      );
      this.#positions.set(partition, position);
    }
    for (const file of version.add) {
      const { path, rows } = file;
      demand(!this.#added.has(path), `${name} adds ${path}, which was added before`);
      this.#added.set(path, {
        ...{ path, rows, version: version.version },
        hour: hourFolder(file),
      });
    }
    if (version.change === 'compaction') this.#checkCompaction(version, name);
    for (const path of version.remove) {
      demand(this.#now.files.has(path), `${name} removes ${path}, which is not there`);
      this.#removed.set(path, version.atMs);
    }
    this.#now.apply(version, (path) => this.#hourOf(path));
    for (const { path } of version.add) {
      this.#folders.add(folderOf(path));
      const hour = [...(this.#now.hours.get(this.#hourOf(path)) ?? [])];
      const other = hour.find((one) => folderOf(one) !== folderOf(path));
      demand(other === undefined, `${name}: one hour has ${path} and ${other}, in two folders`);
    }
    this.#untold.push(version);
    this.#newest = version;
  }

  /**
   * Compares it with what could be seen until `endedMs`, before the newest version was read.
   *
   * @param seen what could be seen some time before
   * @param settled versions below this had all their files at their paths by then
   */
  compare(
    visible: ReadonlySet<string>,
    seen: ReadonlySet<string>,
    endedMs: number,
    settled: number,
  ): void {
    for (const path of visible) {
      demand(this.#added.has(path), `${path} can be seen, and no version names it`);
    }
    for (const path of seen) {
      if (visible.has(path)) continue;
      const removedMs = this.#removed.get(path);
      demand(removedMs !== undefined, `${path} could be seen, is not removed, and is gone`);
      demand(removedMs + this.#keptMs <= endedMs, `${path} is gone before its time`);
    }
    while ((this.#untold[0]?.atMs ?? Number.POSITIVE_INFINITY) + this.#keptMs <= endedMs) {
      const told = this.#untold.shift();
      if (told !== undefined) this.#hive.apply(told, (path) => this.#hourOf(path));
    }
    for (const path of this.#hive.files) {
      const isOnItsWay = (this.#added.get(path)?.version ?? 0) >= settled;
      demand(visible.has(path) || isOnItsWay, `a Hive that hears late does not see ${path}`);
    }
  }

  /** One hour, all of it, into a folder that nobody has had, and not a row fewer or more. */
  #checkCompaction({ add, remove }: ManifestVersion, name: string): void {
    const hours = new Set([...add.map(({ path }) => path), ...remove].map((p) => this.#hourOf(p)));
    const [hour] = hours;
    demand(hours.size === 1 && hour !== undefined, `${name} compacts ${hours.size} hours`);
    const all = this.#now.hours.get(hour) ?? new Set();
    demand(remove.length === all.size, `${name} compacts ${remove.length} files of ${all.size}`);
    for (const { path } of add) {
      demand(!this.#folders.has(folderOf(path)), `${name} puts ${path} into a folder of others`);
    }
    const before = remove.reduce((sum, path) => sum + (this.#added.get(path)?.rows ?? 0), 0);
    const after = add.reduce((sum, { rows }) => sum + rows, 0);
    demand(before === after, `${name} makes ${after} rows of ${before}`);
  }

  #hourOf(path: string): string {
    const file = this.#added.get(path);
    demand(file !== undefined, `${path} was never added`);
    return file.hour;
  }
}
