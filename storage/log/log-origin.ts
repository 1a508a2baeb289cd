/**
 * Which log a data folder belongs to: `log.json` in it, of a folder whose log is a topic. Positions mean something in one log only,
 * so no server starts in a folder with another one. It is read before anything else is opened.
 */
import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../src/model/errors.ts';
import { isMissing, sync } from '../archive/disk-files.ts';

export const LOG_ORIGIN_FILE = 'log.json';
const FORMAT = 1;

const position = z.int().nonnegative();
const origin = z.object({
  format: z.literal(FORMAT),
  /** `<cluster id>/<topic id>`. */
  id: z.string(),
  topic: z.string(),
  /** An offset of the log is so much more than the record's in the topic. */
  offsetBase: position,
  /** Of a folder that is being moved from its journal to the topic: no server starts in it. */
  move: z
    .object({
      phase: z.enum(['copying', 'clearing']),
      /** The journal's id. */
      journal: z.string(),
      /** Per partition the offset in the journal from which on its blocks are copied. */
      from: z.array(position),
      /** Per partition the offset in the journal before which everything is archived; null without an archive. */
      archived: z.array(position).nullable(),
    })
    .optional(),
});

export type LogOrigin = Readonly<Omit<z.output<typeof origin>, 'format'>>;
export type LogMove = NonNullable<LogOrigin['move']>;

/** The log that a server is configured with; a topic without an id while no broker can be asked for it. */
export type WantedLog =
  | { readonly type: 'journal' }
  | { readonly type: 'kafka'; readonly topic: string; readonly id: string | undefined };

/** Undefined: of a folder with a journal, or of a new one. Rejects with `state_corrupt`. */
export async function readLogOrigin(dataDir: string): Promise<LogOrigin | undefined> {
  const path = join(dataDir, LOG_ORIGIN_FILE);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  const parsed = origin.safeParse(jsonOf(text));
  if (parsed.success) {
    const { format: _, ...found } = parsed.data;
    return found;
  }
  throw new AppError(
    'state_corrupt',
    `${path} does not say which log this data folder belongs to, as a server of this version writes it: restore the folder from a backup`,
    { path },
  );
}

/** Resolves when it survives a power cut; whatever moment a crash takes, there is the old file or the new one. */
export async function writeLogOrigin(dataDir: string, written: LogOrigin): Promise<void> {
  const path = join(dataDir, LOG_ORIGIN_FILE);
  const handle = await open(`${path}.tmp`, 'w', 0o640);
  try {
    await handle.writeFile(`${JSON.stringify({ format: FORMAT, ...written })}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.tmp`, path);
  await sync(dataDir);
}

/** The folder belongs to its journal again. */
export async function removeLogOrigin(dataDir: string): Promise<void> {
  await rm(join(dataDir, LOG_ORIGIN_FILE), { force: true });
  await sync(dataDir);
}

/**
 * Makes sure that the folder belongs to this log; a new one does from now on. Undefined for a journal, and for a topic of which
 * nobody has ever heard the id. Rejects with `config_invalid`.
 */
export async function bindLog(dataDir: string, wanted: WantedLog): Promise<LogOrigin | undefined> {
  const known = await readLogOrigin(dataDir);
  if (known?.move !== undefined) {
    throw refused(
      dataDir,
      `is being moved to the topic ${known.topic}, and that has not come to its end: run "streamgauge log move" again`,
    );
  }
  if (wanted.type === 'journal') {
    if (known === undefined) return undefined;
    throw refused(dataDir, `belongs to the topic ${known.topic}: set log.type to kafka`);
  }
  const { topic, id } = wanted;
  if (known === undefined) {
    if (await hasJournal(dataDir)) {
      throw refused(
        dataDir,
        `has a journal of its own: stop the server and move it with "streamgauge log move", or set log.type to journal`,
      );
    }
    if (id === undefined) return undefined;
    const begun = { id, topic, offsetBase: 0 };
    await writeLogOrigin(dataDir, begun);
    return begun;
  }
  if (id !== undefined && id !== known.id) {
    throw refused(
      dataDir,
      `belongs to the topic ${known.topic} with the id ${known.id}, and ${topic} has the id ${id}: it is another one, or was deleted and made anew. ` +
        'Bring back the topic, or begin with an empty data folder',
    );
  }
  return known;
}

export async function hasJournal(dataDir: string): Promise<boolean> {
  try {
    return (await readdir(join(dataDir, 'journal'))).some((name) => name.endsWith('.journal'));
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

const refused = (dataDir: string, why: string): AppError =>
  new AppError('config_invalid', `the data folder ${dataDir} ${why}`, { path: dataDir });

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
