/** `streamgauge restore`: a data folder of a backup. Needs no server. */
import { resolve } from 'node:path';
import { restoreBackup } from '../../storage/backup/restore.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { progressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

export async function restore(
  options: { readonly from: string; readonly dataDir: string; readonly json?: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const line = progressLine(terminal);
  const done = { phase: '', files: 0, bytes: 0 };
  const dataDir = resolve(options.dataDir);
  const { files, ...record } = await restoreBackup({
    from: resolve(options.from),
    dataDir,
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
  const { partitions, position, archive, server, endedMs } = record;
  if (options.json === true) {
    terminal.out(`${JSON.stringify({ ...record, dataDir, files: files.length }, undefined, 2)}\n`);
    return EXIT.ok;
  }
  terminal.out(
    `${dataDir} holds everything up to position ${position} of the log, as a server of version ${server} had it at ${new Date(endedMs).toISOString()}.\n` +
      `Start it with partitions: ${partitions}, and with its configuration: keys, and rules that are declared there, are not in a backup.\n`,
  );
  if (archive !== undefined && archive.folder === undefined) {
    terminal.out(
      `The archive was not in the backup: ${archive.url}. If events were archived there after the backup was made, this server will refuse to go on with it:\n` +
        'give it an archive of its own. docs/backup.md says what that means.\n',
    );
  }
  return EXIT.ok;
}
