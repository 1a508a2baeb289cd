/** What is known of replays, a file for each beside its shadow: a server that is started finds them again. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ReplayRecord } from '../actors/replay/protocol.ts';
import type { Logger } from './model/logger.ts';

/** Those that were at work last are remembered. */
const RECORDS_MAX = 20;
const RECORD_FILE = 'replay.json';

export class ReplayRecords {
  readonly #dir: string;
  /** By id, the oldest first. */
  readonly #records = new Map<string, ReplayRecord>();

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    mkdirSync(dir, { recursive: true });
    const found: ReplayRecord[] = [];
    for (const name of readdirSync(dir)) {
      try {
        found.push(JSON.parse(readFileSync(join(dir, name, RECORD_FILE), 'utf8')));
      } catch (error) {
        // It was begun, or removed, a moment before the server ended.
        log.warn({ err: error, path: join(dir, name) }, 'no replay in this folder: it is removed');
        rmSync(join(dir, name), { recursive: true, force: true });
      }
    }
    found.sort((a, b) => a.spec.startedMs - b.spec.startedMs);
    for (const record of found) this.#records.set(record.spec.id, record);
  }

  folderOf(id: string): string {
    return join(this.#dir, id);
  }

  all(): ReplayRecord[] {
    return [...this.#records.values()];
  }

  get(id: string): ReplayRecord | undefined {
    return this.#records.get(id);
  }

  /** In memory: how far it is, it knows itself. */
  tell(record: ReplayRecord): void {
    this.#records.set(record.spec.id, record);
  }

  /** On the disk too. */
  put(record: ReplayRecord): void {
    const { id } = record.spec;
    this.tell(record);
    const folder = this.folderOf(id);
    const path = join(folder, RECORD_FILE);
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${path}.new`, JSON.stringify(record));
    renameSync(`${path}.new`, path);
    this.#forgetOldest();
  }

  /** Removes what it takes beside its record: nobody will need its shadow again, and no thread has it open. */
  clear(id: string): void {
    const folder = this.folderOf(id);
    for (const name of readdirSync(folder)) {
      if (name !== RECORD_FILE) rmSync(join(folder, name), { recursive: true, force: true });
    }
  }

  #forgetOldest(): void {
    for (const [id, { state }] of this.#records) {
      if (this.#records.size <= RECORDS_MAX) return;
      if (state === 'running' || state === 'applying') continue;
      this.#records.delete(id);
      rmSync(this.folderOf(id), { recursive: true, force: true });
    }
  }
}
