/** A start that is refused while the spool holds events. */
import { join } from 'node:path';
import { withSpoolLeft } from '../storage/spool/spool-left.ts';
import { eventsLeft } from '../storage/spool/spool-note.ts';
import { AppError } from './model/errors.ts';

export const spoolDirIn = (dataDir: string): string => join(dataDir, 'spool');

/** Rejects with `error`, and with how many events are left, if there are any. */
export async function refuseWithSpoolLeft(error: unknown, dataDir: string): Promise<never> {
  const dir = spoolDirIn(dataDir);
  const events = await eventsLeft(dir);
  if (!(error instanceof AppError) || events === undefined) throw error;
  throw withSpoolLeft(error, dir, events);
}
