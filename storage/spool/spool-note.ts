/** Beside a spool's files: its offset up to which everything is in the log, in decimal digits. */

import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AT, BLOCK_KIND } from '../../src/model/block-format.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { viewOf } from '../../src/model/view-of.ts';
import { JOURNAL_HEADER_BYTES, journalPath, listJournal } from '../log/journal-file.ts';
import { walkJournal } from '../log/journal-walk.ts';

const NAME = 'drained';

/** 0 if there is none, or a power cut has emptied it. */
export async function readNote(dir: string): Promise<Offset> {
  try {
    const noted = Number(await readFile(join(dir, NAME), 'utf8'));
    return offset(Number.isSafeInteger(noted) && noted >= 0 ? noted : 0);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return offset(0);
    throw error;
  }
}

/** Whole or not at all. Not synced: an older one only sends more again. */
export async function writeNote(dir: string, to: Offset): Promise<void> {
  const path = join(dir, NAME);
  await writeFile(`${path}.new`, String(to));
  await rename(`${path}.new`, path);
}

/** True if a spool in `dir` holds what is not in the log yet, as far as can be told without opening it. */
export async function holdsEvents(dir: string): Promise<boolean> {
  const bases = await listJournal(dir).catch(() => []);
  const newest = bases.at(-1);
  if (newest === undefined) return false;
  const { size } = await stat(journalPath(dir, newest));
  return newest + size - JOURNAL_HEADER_BYTES > (await readNote(dir));
}

/** How many events a spool in `dir` holds that are not in the log, those that can be read; undefined: none. Reads the files alone. */
export async function eventsLeft(dir: string): Promise<number | undefined> {
  if (!(await holdsEvents(dir))) return undefined;
  let events = 0;
  await walkJournal(dir, await readNote(dir), {
    block: (bytes) => {
      const view = viewOf(bytes);
      if (view.getUint8(AT.kind) === BLOCK_KIND.events) events += view.getUint32(AT.rows, true);
    },
    file: () => undefined,
    damage: () => undefined,
    unfinished: () => undefined,
    read: () => undefined,
  });
  return events === 0 ? undefined : events;
}
