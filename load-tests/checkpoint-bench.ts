/**
 * What checkpoints cost senders, and how soon a new machine has what the lost one knew:
 * `node load-tests/checkpoint-bench.ts [--rate 50000] [--fill 20] [--rounds 3] [--save]`. A server over a topic of one broker on the same
 * machine, under steady load: windows with a checkpoint of every partition in them and windows without, in turns. Then more load, kill -9,
 * and a start with an empty data folder. Its ledger has to balance and to say what it said before.
 */
import assert from 'node:assert/strict';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startKafka } from '../deploy/local/kafka.ts';
import type { Measured } from './generator/protocol.ts';
import { Generator } from './generator.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { bytesOnDisk } from './process-usage.ts';
import { grouped, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const WINDOW_MS = 5_000;
/** Behind the last checkpoint: what a new machine reads from the topic. */
const BEHIND_MS = 5_000;

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '50000' },
    fill: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    save: { type: 'boolean', default: false },
  },
});
const eventsPerSecond = Number(options.rate);

interface Taken {
  readonly lastMs: number;
  readonly lastBytes: number;
}

interface Window {
  readonly checkpoint: Taken | undefined;
  /** Of the server. */
  readonly cpuSeconds: number;
  readonly measured: Measured;
}

const folder = scratchFolder('checkpoint-bench');
const kafka = await startKafka({ dir: join(folder, 'services') });
const server = await Server.prepare({
  folder: join(folder, 'site'),
  partitions: 4,
  config: {
    log: { type: 'kafka', kafka: { brokers: kafka.addresses, topic: 'bench' } },
    archive: { local: { dir: join(folder, 'archive') } },
    checkpoints: { intervalMs: '1d' },
  },
});
const generator = new Generator();
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
    windows.push(await measured(false), await measured(true));
  }
  await sleep(BEHIND_MS);
  await generator.ask({ type: 'drain' });
  const restored = await afterLoss();
  const text = `${tableOf(windows)}\n\n${restored}`;
  process.stdout.write(`${text}\n`);
  if (options.save) saveResult('checkpoint', text, { eventsPerSecond, windows });
} finally {
  generator.close();
  await server.kill();
  await kafka.stop();
  removeScratch(folder);
}
process.exit();

async function measured(isTaken: boolean): Promise<Window> {
  await generator.ask({ type: 'measure' });
  const ended = sleep(WINDOW_MS);
  const before = server.usage().cpuSeconds;
  const checkpoint = isTaken ? await take() : undefined;
  await ended;
  const cpuSeconds = server.usage().cpuSeconds - before;
  return { checkpoint, cpuSeconds, measured: await generator.ask({ type: 'measure' }) };
}

async function take(): Promise<Taken> {
  const { takeCheckpoint } = await server.query<{ takeCheckpoint: Taken }>(
    'mutation { takeCheckpoint { lastMs lastBytes } }',
  );
  return takeCheckpoint;
}

async function afterLoss(): Promise<string> {
  const before = await server.caughtUp();
  const stateBytes = bytesOnDisk(join(server.dataDir, 'state'));
  await server.kill();
  await rm(server.dataDir, { recursive: true });
  const beganMs = performance.now();
  await server.start();
  const readyMs = performance.now() - beganMs;
  const after = await server.caughtUp();
  const caughtUpMs = performance.now() - beganMs;
  assert.deepEqual(after, before, 'expected the ledger of the lost machine');
  const seconds = (ms: number) => (ms / 1_000).toFixed(1);
  return (
    `An empty data folder: ready after ${seconds(readyMs)} s, caught up after ${seconds(caughtUpMs)} s with ` +
    `${grouped(after.applied)} events; the ledger is that of before. The lost state had ${megabytes(stateBytes)} on disk.`
  );
}

function tableOf(windows: readonly Window[]): string {
  return table<Window>(
    [
      {
        title: 'checkpoint',
        cell: ({ checkpoint }) =>
          checkpoint ? `${(checkpoint.lastMs / 1_000).toFixed(1)} s` : 'none',
      },
      {
        title: 'in the archive',
        cell: ({ checkpoint }) => (checkpoint ? megabytes(checkpoint.lastBytes) : ''),
      },
      {
        title: 'events/s',
        cell: ({ measured: { events, seconds } }) => grouped(Math.round(events / seconds)),
      },
      { title: 'server CPU s', cell: ({ cpuSeconds }) => cpuSeconds.toFixed(1) },
      { title: 'p50 ms', cell: ({ measured }) => measured.latencyMs.p50.toFixed(1) },
      { title: 'p99 ms', cell: ({ measured }) => measured.latencyMs.p99.toFixed(1) },
      { title: 'max ms', cell: ({ measured }) => measured.latencyMs.max.toFixed(0) },
      { title: 'refused', cell: ({ measured }) => String(measured.refused) },
    ],
    windows,
  );
}
