/** What is said of a start that is refused while the spool holds events. */
import { join } from 'node:path';
import { eventsLeft } from '../storage/spool/spool-note.ts';
import { AppError } from './model/errors.ts';

export const spoolDirIn = (dataDir: string): string => join(dataDir, 'spool');

/** Rejects with `error`, and with how many events are left: whoever begins with an empty folder must not leave behind what was acknowledged. */
export async function refuseWithSpoolLeft(error: unknown, dataDir: string): Promise<never> {
  const dir = spoolDirIn(dataDir);
  const events = await eventsLeft(dir);
  if (!(error instanceof AppError) || events === undefined) throw error;
  const rescue = `${dir} holds ${events} events that were acknowledged and are not in the topic: keep this folder, and move them as docs/spool.md says under "A topic that was deleted"`;
  throw new AppError(error.code, `${error.message}. ${rescue}`, error.location, error);
}
