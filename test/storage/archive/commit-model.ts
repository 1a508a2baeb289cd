/**
 * What an archive must look like after each of its changes, told from its versions alone. A file's content is the list of the
 * blocks in it, so that none can be lost or be there twice unseen.
 */
import assert from 'node:assert/strict';
import type { Manifest, ManifestVersion } from '../../../storage/archive/manifest.ts';
import { EMPTY_MANIFEST } from '../../../storage/archive/manifest.ts';
import { decodeVersion } from '../../../storage/archive/manifest-codec.ts';
import {
  MANIFEST_FOLDER,
  parseManifestName,
  stagedPath,
} from '../../../storage/archive/manifest-paths.ts';
import { applyVersion } from '../../../storage/archive/manifest-sum.ts';
import { folderOf } from '../../../storage/archive/paths.ts';
import { hourFolder } from '../../../storage/archive/segment-path.ts';
import type { MemoryArchive } from './memory-archive.ts';

/** Length of a block in the simulated log. */
export const BLOCK_BYTES = 10;

export const blockName = (partition: number, offset: number): string => `${partition}:${offset}`;

export const contentOf = (blocks: readonly string[]): Buffer => Buffer.from(JSON.stringify(blocks));
export const blocksIn = (bytes: Uint8Array): string[] => JSON.parse(Buffer.from(bytes).toString());

export class CommitModel {
  readonly #archive: MemoryArchive;
  readonly #graceMs: number;
  readonly #now: () => number;
  /** Of every segment that was ever committed. */
  readonly #contents = new Map<string, Buffer>();
  readonly #expired = new Set<string>();
  #newest: ManifestVersion | undefined;
  #seen = new Set<string>();
  manifest: Manifest = EMPTY_MANIFEST;
  /** What Hive has been told. */
  #hive = { version: 0, folders: new Map<string, ReadonlySet<string>>() };
  /** Versions that were created in the place of removed ones, by who had slept for too long. */
  strays = 0;

  constructor(archive: MemoryArchive, graceMs: number, now: () => number) {
    this.#archive = archive;
    this.#graceMs = graceMs;
    this.#now = now;
  }

  look(): void {
    const paths = new Set(this.#archive.files.keys());
    for (const path of paths) {
      const isNew = !this.#seen.has(path);
      if (isNew && path.startsWith(`${MANIFEST_FOLDER}/v`)) this.#created(path);
    }
    for (const path of this.#seen) {
      if (!paths.has(path) && path.startsWith('tenant=')) this.#deleted(path);
    }
    this.#seen = paths;
    this.#checkDirectories();
    this.#checkHive();
  }

  get hiveVersion(): number {
    return this.#hive.version;
  }

  /** Of the newest version, if all its files are at their paths. */
  tellHive(): void {
    const { version, files } = this.manifest;
    const paths = [...files.keys()];
    if (!paths.every((path) => this.#archive.files.has(path))) return;
    const folders = new Map<string, ReadonlySet<string>>();
    for (const [folder, own] of Map.groupBy(paths, folderOf)) {
      folders.set(folder, new Set(this.#blocksOf(own)));
    }
    const hours = new Set([...files.values()].map(hourFolder));
    assert.equal(folders.size, hours.size, 'an hour has one folder');
    this.#hive = { version, folders };
  }

  #created(path: string): void {
    const number = parseManifestName(path.slice(MANIFEST_FOLDER.length + 1))?.version ?? 0;
    if (number <= this.manifest.version) {
      this.strays++;
      return;
    }
    const bytes = this.#archive.files.get(path)?.bytes;
    assert(bytes !== undefined);
    const version = decodeVersion(bytes, path);
    assert.equal(version.version, number);
    this.#checkSettled();
    // Also says that the version is the next one, with the epoch and the owner of the newest claim.
    const manifest = applyVersion(this.manifest, version);
    for (const [index, file] of version.add.entries()) {
      const staged = this.#archive.files.get(stagedPath(version, index));
      assert(staged !== undefined, `${file.path} was committed and not put before`);
      this.#contents.set(file.path, Buffer.from(staged.bytes));
    }
    if (version.change === 'retention') {
      for (const block of this.#blocksOf(version.remove)) this.#expired.add(block);
    } else if (version.change === 'compaction') {
      const added = version.add.map(({ path: added }) => added);
      assert.deepEqual(this.#blocksOf(added), this.#blocksOf(version.remove));
    }
    this.manifest = manifest;
    this.#newest = version;
    this.checkBlocks();
  }

  /** Each block before the positions is in exactly one file, unless it was removed. */
  checkBlocks(): void {
    const blocks = this.#blocksOf([...this.manifest.files.keys()]);
    const expected: string[] = [];
    for (const [partition, end] of this.manifest.positions) {
      for (let offset = 0; offset < end; offset += BLOCK_BYTES) {
        const block = blockName(partition, offset);
        if (!this.#expired.has(block)) expected.push(block);
      }
    }
    assert.deepEqual(blocks, expected.sort());
  }

  /** Nothing is in the archive but the manifest and the files that it names. */
  checkClean(): void {
    const paths = [...this.#archive.files.keys()].filter(
      (path) => !path.startsWith(`${MANIFEST_FOLDER}/`),
    );
    assert.deepEqual(paths.sort(), [...this.manifest.files.keys()].sort());
  }

  /** A version finds the files of its predecessors in place. */
  #checkSettled(): void {
    for (const path of this.manifest.files.keys()) {
      assert(this.#archive.files.has(path), `${path} is still missing when the next version comes`);
    }
  }

  #deleted(path: string): void {
    const removedMs = this.manifest.removed.get(path);
    assert(removedMs !== undefined, `${path} was deleted, and never removed`);
    assert(this.#now() - removedMs >= this.#graceMs, `${path} was deleted before its time`);
  }

  /** What someone sees who reads the directories and knows of no manifest. */
  #checkDirectories(): void {
    for (const [path, { bytes }] of this.#archive.files) {
      if (!path.startsWith('tenant=')) continue;
      const committed = this.#contents.get(path);
      assert(committed !== undefined, `${path} can be seen, and is not committed`);
      assert(committed.equals(bytes), `${path} can be seen, and is not whole`);
    }
    const onTheirWay = new Set(this.#newest?.add.map(({ path }) => path));
    for (const path of this.manifest.files.keys()) {
      assert(onTheirWay.has(path) || this.#archive.files.has(path), `${path} is not in its place`);
    }
  }

  /**
   * Hive reads whatever lies in the folder that it was told for an hour: each block is there that was when it was told, and once,
   * whatever has come or gone since.
   */
  #checkHive(): void {
    const there = Map.groupBy(this.#archive.files.keys(), folderOf);
    for (const [folder, told] of this.#hive.folders) {
      const blocks = this.#blocksOf(there.get(folder) ?? []);
      const seen = new Set(blocks);
      assert.equal(seen.size, blocks.length, `Hive sees blocks in ${folder} twice`);
      assert(
        [...told].every((block) => seen.has(block)),
        `Hive does not see all blocks in ${folder} any more`,
      );
    }
  }

  #blocksOf(paths: readonly string[]): string[] {
    return paths.flatMap((path) => blocksIn(this.#contents.get(path) ?? Buffer.from('[]'))).sort();
  }
}
