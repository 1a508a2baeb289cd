/** `streamgauge restore`: a data folder of a backup. Needs no server. */
import { resolve } from 'node:path';
import { openArchive } from '../../storage/archive/open.ts';
import type { BackupRecord } from '../../storage/backup/backup-record.ts';
import { type Restored, restoreBackup } from '../../storage/backup/restore.ts';
import { planTakeOver, type TakeOver } from '../../storage/backup/take-over.ts';
import { isWithin } from '../../storage/backup/target.ts';
import { archiveSettings } from '../archive-settings.ts';
import type { Config } from '../config.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { AppError } from '../model/errors.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { progressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

export interface RestoreCommand extends Readonly<Record<string, unknown>> {
  readonly from: string;
  readonly dataDir: string;
  readonly takeOver?: boolean;
  readonly json?: boolean;
}

export async function restore(options: RestoreCommand, terminal: Terminal): Promise<ExitCode> {
  const dataDir = resolve(options.dataDir);
  let takeOver: ((record: BackupRecord) => Promise<TakeOver>) | undefined;
  if (options.takeOver === true) {
    const config = usableConfig(options, terminal);
    if (config === undefined) return EXIT.config;
    takeOver = (record) => planned(config, record);
  }
  const line = progressLine(terminal);
  const done = { phase: '', files: 0, bytes: 0 };
  const restored = await restoreBackup({
    from: resolve(options.from),
    dataDir,
    takeOver,
    clock: systemClock,
    pace: async (bytes) => {
      done.bytes += bytes;
      line.show(done.phase, done.files, done.bytes);
    },
    progress(phase, file) {
      if (file === undefined) Object.assign(done, { phase, files: 0 });
      else done.files += 1;
    },
  });
  line.end();
  if (options.json === true) {
    const { files, ...record } = restored.record;
    const answer = { ...record, dataDir, files: files.length, takeOver: restored.takeOver };
    terminal.out(`${JSON.stringify(answer, undefined, 2)}\n`);
  } else {
    terminal.out(told(dataDir, restored));
  }
  return EXIT.ok;
}

async function planned(config: Config, record: BackupRecord): Promise<TakeOver> {
  const settings = archiveSettings(config);
  if (settings.type === 'local' && isWithin(settings.dir, config.dataDir)) {
    throw new AppError(
      'backup_invalid',
      `--take-over needs the configuration that says where the archive of the lost server is, and this one says ${settings.dir}, inside of the new data folder: name it with --config`,
    );
  }
  const archive = await openArchive(settings);
  try {
    const log = createLogger({ ...config.logging, level: 'silent', thread: 'main' });
    return await planTakeOver(archive, record, log);
  } finally {
    await archive.close();
  }
}

function told(dataDir: string, { record, takeOver }: Restored): string {
  const { partitions, position, topic, archive, server, endedMs } = record;
  const whole =
    `${dataDir} holds everything up to position ${position} of the log, as a server of version ${server} had it at ${new Date(endedMs).toISOString()}.\n` +
    `Start it with partitions: ${partitions}, and with its configuration: keys, and rules that are declared there, are not in a backup.\n`;
  if (topic !== undefined) {
    return `${whole}Its log is the topic ${topic.name}: the server goes on there, as long as the topic still has what came since.\n`;
  }
  if (takeOver !== undefined) {
    const { url, version, goesOnAt } = takeOver;
    return `${whole}Its log goes on at position ${goesOnAt}, behind everything in ${url} as of version ${version}, and its server will claim that archive.\n`;
  }
  if (archive === undefined || archive.folder !== undefined) return whole;
  return (
    `${whole}The archive was not in the backup: ${archive.url}. If events were archived there after the backup was made, this folder does not go on with it.\n` +
    'If the original is lost, restore with --take-over, or give this one an archive of its own: docs/backup.md says what that means.\n'
  );
}
