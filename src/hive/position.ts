/**
 * Which version of the manifest a Hive has, kept in the archive: whoever archives next goes on from there. The name of
 * the file says it, so that it is written in one step. A lost or an older one costs doing things again, and no more.
 */
import { createHash } from 'node:crypto';
import type { Archive } from '../../storage/archive/archive.ts';

export const HIVE_FOLDER = '_hive';

export class HivePositions {
  readonly #archive: Archive;
  readonly #folder: string;
  #paths: string[] = [];

  /** @param target what, if it is changed, makes this another Hive, which knows nothing yet */
  constructor(archive: Archive, target: readonly (string | number)[]) {
    this.#archive = archive;
    const hash = createHash('sha256').update(JSON.stringify(target)).digest('hex').slice(0, 8);
    const name = target
      .slice(0, 2)
      .join('-')
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, '_');
    this.#folder = `${HIVE_FOLDER}/${name}-${hash}`;
  }

  /** 0 if there is none. */
  async read(): Promise<number> {
    const entries = await this.#archive.list(this.#folder);
    const versions = entries.flatMap(({ name }) => /^v(\d{20})\.json$/.exec(name)?.[1] ?? []);
    this.#paths = versions.map((version) => this.#path(Number(version)));
    return Number(versions.at(-1) ?? 0);
  }

  async write(version: number, atMs: number): Promise<void> {
    const path = this.#path(version);
    const json = { version, at: new Date(atMs).toISOString() };
    await this.#archive.create(path, Buffer.from(`${JSON.stringify(json)}\n`));
    const old = this.#paths.filter((known) => known !== path);
    this.#paths = [...old, path];
    for (const known of old) {
      await this.#archive.remove(known);
      this.#paths.shift();
    }
  }

  #path(version: number): string {
    return `${this.#folder}/v${String(version).padStart(20, '0')}.json`;
  }
}
