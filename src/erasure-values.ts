/**
 * The values that erasures look for, each in a file of its own: they are nowhere else, so that nothing is left of them once the
 * file is deleted. A state store keeps old bytes for a while.
 */
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

export class ErasureValues {
  readonly #dir: string;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Resolves when it survives a power cut. */
  async keep(id: string, value: string): Promise<void> {
    if ((await mkdir(this.#dir, { recursive: true, mode: 0o700 })) !== undefined) {
      await syncFolder(dirname(this.#dir));
    }
    const path = join(this.#dir, id);
    const file = await open(`${path}.tmp`, 'w', 0o600);
    try {
      await file.writeFile(value);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.tmp`, path);
    await syncFolder(this.#dir);
  }

  /** Undefined if it is not there. */
  async read(id: string): Promise<string | undefined> {
    try {
      return await readFile(join(this.#dir, id), 'utf8');
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async forget(id: string): Promise<void> {
    await rm(join(this.#dir, id), { force: true });
    await rm(join(this.#dir, `${id}.tmp`), { force: true });
  }

  /** Those that nobody looks for any more. */
  async forgetOthers(wanted: ReadonlySet<string>): Promise<void> {
    let names: readonly string[] = [];
    try {
      names = await readdir(this.#dir);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
    for (const name of names) if (!wanted.has(name)) await rm(join(this.#dir, name));
  }
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === 'ENOENT';

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
