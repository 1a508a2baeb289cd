/**
 * What is in a backup, and where: `backup.json`. It is written last, so a folder that has it is whole. Until then the folder has a
 * mark, by which a second attempt knows that it may empty it.
 */
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { AppError } from '../../src/model/errors.ts';
import { isMissing, sync } from '../archive/disk-files.ts';
import { OWN_COMMITS_FILE } from '../archive/own-commits.ts';
import { checkedPath } from '../archive/paths.ts';
import { LOG_ORIGIN_FILE } from '../log/log-origin.ts';

export const BACKUP_FORMAT = 1;
export const RECORD_NAME = 'backup.json';
export const MARK_NAME = 'backup.unfinished';
/** In a data folder that is being restored: no server starts in it. */
export const RESTORE_MARK_NAME = 'restore.unfinished';
export const STATE_NAME = 'state.dump';
export const JOURNAL_FOLDER = 'journal';
export const ARCHIVE_FOLDER = 'archive';

const count = z.int().nonnegative();
const isSound = (path: string): boolean => {
  try {
    return checkedPath(path) === path;
  } catch {
    return false;
  }
};
const isPlace = (path: string): boolean =>
  [STATE_NAME, OWN_COMMITS_FILE, LOG_ORIGIN_FILE].includes(path) ||
  [JOURNAL_FOLDER, ARCHIVE_FOLDER].some((folder) => path.startsWith(`${folder}/`));

const file = z.object({
  path: z
    .string()
    .refine((path) => isSound(path) && isPlace(path), 'expected the path of a file of a backup'),
  bytes: count,
  sha256: z.string().regex(/^[0-9a-f]{64}$/, 'expected 64 hexadecimal digits'),
});

const record = z.object({
  format: z.literal(BACKUP_FORMAT),
  /** Version of the server that wrote it. */
  server: z.string(),
  startedMs: count,
  endedMs: count,
  /** Everything before this offset of the log is in it; of a topic the sum over its partitions. */
  position: count,
  /** The log's id. */
  journal: z.string(),
  /** What the log is if it is one: it is not in the backup, and goes on behind these offsets of its partitions. */
  topic: z.object({ name: z.string(), positions: z.array(count) }).optional(),
  partitions: count,
  /** Undefined: there is none. */
  archive: z
    .object({
      url: z.string(),
      /** Of the manifest. Undefined if the archive is not in the backup. */
      version: count.optional(),
      /** Its folder in the data folder, if it is in the backup. */
      folder: z.string().refine(isSound, 'expected a relative path').optional(),
    })
    .optional(),
  files: z
    .array(file)
    .refine((files) => files.some(({ path }) => path === STATE_NAME), `expected ${STATE_NAME}`),
});

export type BackupFile = Readonly<z.output<typeof file>>;
export type BackupRecord = Readonly<z.output<typeof record>>;

export async function writeRecord(dir: string, written: BackupRecord): Promise<void> {
  const temporary = join(dir, `${RECORD_NAME}.tmp`);
  const handle = await open(temporary, 'w', 0o640);
  try {
    await handle.writeFile(`${JSON.stringify(written)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, join(dir, RECORD_NAME));
  await sync(dir);
}

/** Rejects with `backup_invalid` if there is no whole backup in `dir`, and with `backup_corrupt`. */
export async function readRecord(dir: string): Promise<BackupRecord> {
  const at = join(dir, RECORD_NAME);
  let text: string;
  try {
    text = await readFile(at, 'utf8');
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new AppError(
      'backup_invalid',
      `expected a finished backup in ${dir}, there is no ${RECORD_NAME}: it is written last, so this is none, or one that did not come to its end`,
      { path: dir },
    );
  }
  const parsed = record.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new AppError(
    'backup_corrupt',
    `${at} is not as a server of this version writes it: ${issue?.path.join('.') ?? ''}: ${issue?.message}`,
    { path: at },
  );
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
