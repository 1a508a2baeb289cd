/** What has to come to its end on the journal before a data folder can move: it keeps positions of its own. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing } from '../../storage/archive/disk-files.ts';
import { decodeErasure, erasureRange } from '../../storage/state/erasure-rows.ts';
import { type StateReader, scan } from '../../storage/state/state.ts';
import { AppError } from '../model/errors.ts';

const REPLAYS_OPEN: ReadonlySet<unknown> = new Set(['running', 'compared', 'applying']);

/** Rejects with `config_invalid`, and what is to be done. */
export async function refuseUnfinished(dataDir: string, state: StateReader): Promise<void> {
  const refuse = (what: string) =>
    new AppError(
      'config_invalid',
      `${what}: start the server with its journal once more, and move the folder when that is done`,
      { path: dataDir },
    );
  for await (const { value } of scan(state, erasureRange())) {
    const { id, state: reached } = decodeErasure(value);
    if (reached !== 'done' && reached !== 'lost') throw refuse(`the erasure ${id} is not finished`);
  }
  for (const replay of await openReplays(join(dataDir, 'replay'))) {
    throw refuse(`the replay ${replay} waits to be applied or cancelled`);
  }
}

async function openReplays(dir: string): Promise<string[]> {
  const open: string[] = [];
  for (const name of await namesIn(dir)) {
    try {
      const record: unknown = JSON.parse(await readFile(join(dir, name, 'replay.json'), 'utf8'));
      const isOpen =
        typeof record === 'object' &&
        record !== null &&
        'state' in record &&
        REPLAYS_OPEN.has(record.state);
      if (isOpen) open.push(name);
    } catch {
      // It was begun a moment before the server ended, and is removed by the next start.
    }
  }
  return open;
}

async function namesIn(dir: string): Promise<string[]> {
  try {
    return await readdir(dir);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}
