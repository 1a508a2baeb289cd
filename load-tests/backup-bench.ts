/**
 * What a backup costs senders: `node load-tests/backup-bench.ts [--rate 100000] [--fill 30] [--rounds 4] [--save]`. A server under
 * steady load, windows with a backup in them and windows without, in turns. Then the last backup is restored, and its ledger has to balance.
 *
 * The backups lie on the disk of the data folder, so closed files are linked, and read once for their checksums.
 */
import { ok as assert } from 'node:assert';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { processTerminal } from '../src/cli/terminal.ts';
import { runCli } from '../src/cli.ts';
import type { Measured } from './generator/protocol.ts';
import { Generator } from './generator.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { grouped, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const WINDOW_MS = 5_000;

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '100000' },
    fill: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '4' },
    save: { type: 'boolean', default: false },
  },
});
const eventsPerSecond = Number(options.rate);

interface Window {
  readonly backup: { readonly seconds: number; readonly bytes: number } | undefined;
  readonly measured: Measured;
}

const folder = scratchFolder('backup-bench');
const server = await Server.prepare({ folder: join(folder, 'site'), partitions: 4 });
const generator = new Generator();
const configFile = join(folder, 'site', 'streamgauge.yaml');
try {
  await server.start();
  await generator.ask({
    type: 'prepare',
    options: loadOptions(MAIN_CASE, server, { eventsPerSecond }),
  });
  await generator.ask({ type: 'resume' });
  await sleep(Number(options.fill) * 1_000);
  const windows: Window[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    windows.push(await measured(undefined), await measured(join(folder, `backup-${round}`)));
  }
  await generator.ask({ type: 'drain' });
  const restored = await restoredLedger(join(folder, `backup-${Number(options.rounds) - 1}`));
  const text = `${tableOf(windows)}\n\n${restored}`;
  process.stdout.write(`${text}\n`);
  if (options.save) saveResult('backup', text, { eventsPerSecond, windows });
} finally {
  generator.close();
  await server.kill();
  removeScratch(folder);
}
process.exit();

async function measured(to: string | undefined): Promise<Window> {
  await generator.ask({ type: 'measure' });
  const ended = sleep(WINDOW_MS);
  const backup = to === undefined ? undefined : await backUp(to);
  await ended;
  return { backup, measured: await generator.ask({ type: 'measure' }) };
}

async function backUp(to: string): Promise<{ seconds: number; bytes: number }> {
  const beganMs = performance.now();
  let out = '';
  const terminal = {
    ...processTerminal,
    out(text: string) {
      out += text;
    },
  };
  const exitCode = await runCli(['backup', '--config', configFile, '--to', to, '--json'], terminal);
  assert(exitCode === 0, 'expected a whole backup');
  const { bytes }: { bytes: number } = JSON.parse(out);
  return { seconds: (performance.now() - beganMs) / 1_000, bytes };
}

async function restoredLedger(from: string): Promise<string> {
  await server.stop();
  const dataDir = join(folder, 'site', 'data');
  await rm(dataDir, { recursive: true });
  const beganMs = performance.now();
  const exitCode = await runCli(['restore', '--from', from, '--data-dir', dataDir]);
  assert(exitCode === 0, 'expected a restored folder');
  const seconds = (performance.now() - beganMs) / 1_000;
  await server.start();
  const ledger = await server.caughtUp();
  assert(ledger.balanced, 'expected a ledger that balances');
  return `Restored in ${seconds.toFixed(1)} s: ${grouped(ledger.applied)} events, the ledger balances.`;
}

function tableOf(windows: readonly Window[]): string {
  return table<Window>(
    [
      {
        title: 'backup',
        cell: ({ backup }) => (backup ? `${backup.seconds.toFixed(1)} s` : 'none'),
      },
      { title: 'size', cell: ({ backup }) => (backup ? megabytes(backup.bytes) : '') },
      {
        title: 'events/s',
        cell: ({ measured: { events, seconds } }) => grouped(Math.round(events / seconds)),
      },
      { title: 'p50 ms', cell: ({ measured }) => measured.latencyMs.p50.toFixed(1) },
      { title: 'p99 ms', cell: ({ measured }) => measured.latencyMs.p99.toFixed(1) },
      { title: 'max ms', cell: ({ measured }) => measured.latencyMs.max.toFixed(0) },
      { title: 'refused', cell: ({ measured }) => String(measured.refused) },
    ],
    windows,
  );
}
