/** An archive in memory that shows its files, and stops half-way where a real one can. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { Clock } from '../../../src/model/clock.ts';
import { AppError } from '../../../src/model/errors.ts';
import type { Archive, ArchiveEntry } from '../../../storage/archive/archive.ts';
import { byName } from '../../../storage/archive/paths.ts';

export interface MemoryArchiveOptions {
  readonly clock: Clock;
  readonly readLocal?: (path: string) => Uint8Array;
}

export class MemoryArchive implements Archive {
  readonly url = 'memory://archive';
  readonly files = new Map<string, { readonly bytes: Uint8Array; readonly modifiedMs: number }>();
  readonly #clock: Clock;
  readonly #readLocal: (path: string) => Uint8Array;

  constructor({ clock, readLocal = readFileSync }: MemoryArchiveOptions) {
    this.#clock = clock;
    this.#readLocal = readLocal;
  }

  async put(path: string, localPath: string): Promise<void> {
    this.store(path, this.#readLocal(localPath));
  }

  /** What a reader may see of a put that is under way, or was given up. */
  putHalf(path: string, localPath: string): void {
    const bytes = this.#readLocal(localPath);
    this.store(path, bytes.subarray(0, bytes.length >> 1));
  }

  async create(path: string, bytes: Uint8Array): Promise<boolean> {
    if (this.files.has(path)) return false;
    this.store(path, bytes);
    return true;
  }

  async move(from: string, to: string): Promise<void> {
    if (this.files.has(from)) this.moveHalf(from, to);
    else if (!this.files.has(to)) throw missing(from);
    this.files.delete(from);
  }

  /** A copy whose original is not removed yet. */
  moveHalf(from: string, to: string): void {
    const [source, target] = [this.files.get(from), this.files.get(to)];
    if (source === undefined) return;
    if (target !== undefined && !Buffer.from(target.bytes).equals(source.bytes)) {
      throw new AppError('archive_io', `${to} is there`, { path: to });
    }
    this.store(to, source.bytes);
  }

  async read(path: string): Promise<Uint8Array | undefined> {
    return this.files.get(path)?.bytes;
  }

  async fetch(path: string, localPath: string): Promise<void> {
    const file = this.files.get(path);
    if (file === undefined) throw missing(path);
    writeFileSync(localPath, file.bytes);
  }

  async list(folder: string): Promise<ArchiveEntry[]> {
    const prefix = folder === '' ? '' : `${folder}/`;
    const entries = new Map<string, ArchiveEntry>();
    for (const [path, { bytes, modifiedMs }] of this.files) {
      if (!path.startsWith(prefix)) continue;
      const [name = '', ...rest] = path.slice(prefix.length).split('/');
      const isFolder = rest.length > 0;
      const file = { name, isFolder, bytes: bytes.length, modifiedMs };
      entries.set(name, isFolder ? { name, isFolder, bytes: 0, modifiedMs: 0 } : file);
    }
    return [...entries.values()].sort(byName);
  }

  async remove(path: string): Promise<void> {
    this.files.delete(path);
  }

  async close(): Promise<void> {}

  store(path: string, bytes: Uint8Array): void {
    this.files.set(path, { bytes: Uint8Array.from(bytes), modifiedMs: this.#clock.now() });
  }
}

const missing = (path: string): AppError =>
  new AppError('archive_missing', `${path} is not in the archive`, { path });
