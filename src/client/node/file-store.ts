/**
 * What waits, in a file of one process: a line for each event, and for each that was answered its place again. It is
 * written at once and not synced: it outlives the process, and what a power cut leaves of it is up to the disk.
 *
 *   +<place> <beaconedMs or nothing> <event as JSON>
 *   -<place> <place> …
 */
import {
  closeSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { resolve } from 'node:path';
import type { EventStore, QueuedEvent } from '../platform.ts';

/** Answered events that the file may hold before it is written anew. Larger writes seldom, and more at once. */
const DEAD_BYTES_MAX = 16 * 2 ** 20;

/** Of this process: a second client of the same file would empty it under the first. */
const open = new Set<string>();

/** Throws where the file cannot be read and written, or another process that is alive has it. */
export function openFileStore(file: string): EventStore {
  return new FileStore(resolve(file));
}

class FileStore implements EventStore {
  readonly #path: string;
  #file: number;
  /** Of what is in the file and waits: place -> its line there. */
  readonly #lines = new Map<string, string>();
  #fileBytes = 0;
  #liveBytes = 0;
  /** The disk took a part of a line: what follows must not become the rest of it. */
  #isTorn = false;

  constructor(path: string) {
    this.#path = path;
    lock(path);
    try {
      for (const line of textOf(path).split('\n').slice(0, -1)) this.#replay(line);
      this.#file = this.#rewrite();
    } catch (error) {
      unlock(path);
      throw error;
    }
  }

  async load(before: string, max: number): Promise<readonly QueuedEvent[]> {
    return [...this.#lines.keys()]
      .filter((place) => place < before)
      .sort()
      .slice(0, max)
      .map((place) => eventOf(place, this.#lines.get(place) as string));
  }

  async put(events: readonly QueuedEvent[]): Promise<void> {
    let text = '';
    for (const { place, beaconedMs = '', line } of events) {
      const stored = `+${place} ${beaconedMs} ${line}\n`;
      this.#set(place, stored);
      text += stored;
    }
    this.#append(text);
  }

  async remove(places: readonly string[]): Promise<void> {
    for (const place of places) this.#drop(place);
    if (this.#lines.size === 0) this.#empty();
    else {
      this.#append(`-${places.join(' ')}\n`);
      if (this.#fileBytes - this.#liveBytes > DEAD_BYTES_MAX) {
        const before = this.#file;
        this.#file = this.#rewrite();
        closeSync(before);
      }
    }
  }

  async clear(): Promise<void> {
    for (const place of [...this.#lines.keys()]) this.#drop(place);
    this.#empty();
  }

  close(): void {
    closeSync(this.#file);
    unlock(this.#path);
  }

  /** What was being written when the process was killed or the disk was full is no whole line. */
  #replay(line: string): void {
    if (line.startsWith('-')) for (const place of line.slice(1).split(' ')) this.#drop(place);
    const [, place, event = ''] = /^\+(\w+) \d* (.*)$/s.exec(line) ?? [];
    if (place !== undefined && isJson(event)) this.#set(place, `${line}\n`);
  }

  #set(place: string, line: string): void {
    this.#drop(place);
    this.#lines.set(place, line);
    this.#liveBytes += Buffer.byteLength(line);
  }

  #drop(place: string): void {
    this.#liveBytes -= Buffer.byteLength(this.#lines.get(place) ?? '');
    this.#lines.delete(place);
  }

  #append(text: string): void {
    const bytes = Buffer.from(this.#isTorn ? `\n${text}` : text);
    this.#isTorn = true;
    for (let from = 0; from < bytes.length; from += writeSync(this.#file, bytes, from));
    this.#isTorn = false;
    this.#fileBytes += bytes.length;
  }

  #empty(): void {
    ftruncateSync(this.#file);
    this.#fileBytes = 0;
  }

  /** Only with what waits: a whole file takes the place of the one before, or none if that fails. Answers what it is open as. */
  #rewrite(): number {
    const next = `${this.#path}.next`;
    writeFileSync(next, [...this.#lines.values()].join(''));
    const file = openSync(next, 'a');
    try {
      renameSync(next, this.#path);
    } catch (error) {
      closeSync(file);
      throw error;
    }
    this.#fileBytes = this.#liveBytes;
    return file;
  }
}

function eventOf(place: string, stored: string): QueuedEvent {
  const [beaconed = ''] = stored.slice(place.length + 2).split(' ', 1);
  const line = stored.slice(place.length + beaconed.length + 3, -1);
  const beaconedMs = beaconed === '' ? undefined : Number(beaconed);
  return { place, line, bytes: Buffer.byteLength(line), beaconedMs };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}

const lockOf = (path: string): string => `${path}.lock`;

/** By the number of the process: one that was killed leaves its lock behind. */
function lock(path: string): void {
  const owner = Number(textOf(lockOf(path)));
  if (open.has(path) || (owner > 0 && owner !== process.pid && isAlive(owner))) {
    throw new Error(
      `${path}: expected a file of this client alone, but process ${owner} has it open. Give each process a file of its own; if ${owner} is another program, delete ${lockOf(path)}`,
    );
  }
  writeFileSync(lockOf(path), String(process.pid));
  open.add(path);
}

function unlock(path: string): void {
  open.delete(path);
  rmSync(lockOf(path), { force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code;
