/**
 * The secret of one day (UTC) by which visitors are told apart. The next day has another, and with the old one goes every way
 * back from a visitor's id to an address. It is on disk, so that a restart makes nobody a second visitor.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { DAY_MS } from '../model/units.ts';

const SALT_BYTES = 32;

export interface DailySaltOptions {
  readonly file: string;
  /** It cannot be written: after a restart today's visitors are new ones. */
  readonly onUnwritten: (error: unknown) => void;
}

export class DailySalt {
  readonly #options: DailySaltOptions;
  #day: number;
  #salt: Buffer;

  constructor(options: DailySaltOptions) {
    this.#options = options;
    const { day, salt } = readSalt(options.file);
    this.#day = day;
    this.#salt = salt;
  }

  /** Of the day of `nowMs`; that of another day is forgotten, and its file overwritten. */
  at(nowMs: number): Buffer {
    const day = Math.floor(nowMs / DAY_MS);
    if (day === this.#day) return this.#salt;
    this.#day = day;
    this.#salt = randomBytes(SALT_BYTES);
    try {
      writeSalt(this.#options.file, day, this.#salt);
    } catch (error) {
      this.#options.onUnwritten(error);
    }
    return this.#salt;
  }
}

const NO_SALT = { day: Number.NaN, salt: Buffer.alloc(0) };

/** Of what is not there, or not whole, a new one is made. */
function readSalt(file: string): { readonly day: number; readonly salt: Buffer } {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return NO_SALT;
  }
  const [, day, salt] = /^(\d{1,9}) ([0-9a-f]{64})\n$/.exec(text) ?? [];
  if (day === undefined || salt === undefined) return NO_SALT;
  return { day: Number(day), salt: Buffer.from(salt, 'hex') };
}

/** Whole or not at all, and for nobody else to read. */
function writeSalt(file: string, day: number, salt: Buffer): void {
  const unfinished = `${file}.tmp`;
  const descriptor = openSync(unfinished, 'w', 0o600);
  try {
    writeSync(descriptor, `${day} ${salt.toString('hex')}\n`);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(unfinished, file);
}
