/** `streamgauge backup`: has the running server copy its data folder, and waits until it has. */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { markTarget } from '../../storage/backup/target.ts';
import { AppError } from '../model/errors.ts';
import { type AskServer, askServer } from './ask-server.ts';
import { usableConfig } from './config-options.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { progressLine } from './progress-line.ts';
import type { Terminal } from './terminal.ts';

const POLL_MS = 500;
const FIELDS = 'to state phase files bytes startedAt endedAt position archiveElsewhere problem';

interface Backup {
  readonly to: string;
  readonly state: 'RUNNING' | 'DONE' | 'FAILED' | 'CANCELLED';
  readonly phase: string;
  readonly files: number;
  readonly bytes: number;
  readonly position: number | null;
  readonly archiveElsewhere: string | null;
  readonly problem: string | null;
}

export async function backUp(
  options: Readonly<Record<string, unknown>>,
  terminal: Terminal,
): Promise<ExitCode> {
  const config = usableConfig(options, terminal);
  if (config === undefined) return EXIT.config;
  const server = askServer(config, options);
  const to = resolve(`${options['to']}`);
  const mark = randomUUID();
  await makeTarget(to);
  await markTarget(to, mark);
  await server.ask(
    `mutation ($to: String!, $mark: String!) { startBackup(to: $to, mark: $mark) { state } }`,
    { to, mark },
  );
  const stopListening = terminal.onStopSignal(
    () => void server.ask('mutation { cancelBackup { state } }').catch(() => undefined),
  );
  try {
    const backup = await ended(server, to, terminal);
    return tell(backup, options['json'] === true, terminal);
  } finally {
    stopListening();
  }
}

async function makeTarget(to: string): Promise<void> {
  try {
    await mkdir(to, { recursive: true, mode: 0o750 });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AppError('backup_invalid', `cannot make the folder: ${reason}`, { path: to }, cause);
  }
}

async function ended(server: AskServer, to: string, terminal: Terminal): Promise<Backup> {
  const line = progressLine(terminal);
  for (;;) {
    const { backup } = await server.ask<{ backup: Backup | null }>(`{ backup { ${FIELDS} } }`);
    if (backup?.to !== to) {
      const problem = 'the server was restarted meanwhile, and knows nothing of the backup';
      return { ...NOTHING, to, problem };
    }
    if (backup.state !== 'RUNNING') {
      line.end();
      return backup;
    }
    line.show(backup.phase, backup.files, backup.bytes);
    await sleep(POLL_MS);
  }
}

const NOTHING = {
  state: 'FAILED',
  phase: 'archive',
  files: 0,
  bytes: 0,
  position: null,
  archiveElsewhere: null,
} as const;

function tell(backup: Backup, asJson: boolean, terminal: Terminal): ExitCode {
  const { to, state, files, bytes, position, archiveElsewhere, problem } = backup;
  if (asJson) terminal.out(`${JSON.stringify(backup, undefined, 2)}\n`);
  else if (state === 'DONE') {
    terminal.out(`${to} is a whole backup: ${files} files, ${bytes} bytes, position ${position}\n`);
  } else {
    const why = state === 'CANCELLED' ? 'it was cancelled' : problem;
    terminal.err(`streamgauge: ${to} is no backup: ${why}; the same command begins anew\n`);
  }
  if (state !== 'DONE') return EXIT.failed;
  if (archiveElsewhere !== null) {
    terminal.err(
      `streamgauge: the archive (${archiveElsewhere}) is not in the backup, because it is not in the data folder: see that it has copies of its own\n`,
    );
  }
  return EXIT.ok;
}
