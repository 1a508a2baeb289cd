/** What is said of a spool whose files were found other than they were written: a journal's own words send to a backup, which does not have it. */
import { AppError, isFault } from '../../src/model/errors.ts';
import type { Logger } from '../../src/model/logger.ts';
import { tellDamagedEnd } from '../log/damaged-end.ts';
import type { RecoveryReport } from '../log/journal-recovery.ts';

export function refuseUnreadable(error: unknown): never {
  if (!isFault(error, 'block_corrupt')) throw error;
  const { location } = error;
  throw new AppError(
    'block_corrupt',
    `${location.path} is a file of the spool, and its header is damaged or of another spool: what it holds was acknowledged, is in no backup, and cannot come into the topic. Move it out of the folder and keep it; the next start goes on with the other files, as docs/spool.md says under "Damage"`,
    location,
    error,
  );
}

/** Answers how many bytes were cut off that an unfinished write does not explain: whole blocks lay in them. */
export function tellRecovery(logger: Logger, { damage, damagedEnd, cut }: RecoveryReport): number {
  for (const place of damage) {
    logger.error(place, 'the spool is damaged here: what it held does not come into the log');
  }
  if (damagedEnd !== undefined) tellDamagedEnd(logger, damagedEnd, 'the spool');
  if (cut === undefined) return 0;
  logger.warn(
    cut,
    'the end of the spool was no whole block, and was cut: a write that nothing was answered to, or events that the disk has damaged',
  );
  return damagedEnd !== undefined && damagedEnd.unreachable.blocks > 0 ? cut.bytesCut : 0;
}
