/**
 * How long a server takes to stop while an import goes on and the archive is behind, and whether the import, which waits for the
 * next start, is then there once: `node load-tests/stop-bench.ts [--lines 2000000] [--cut "16 MiB"]`.
 */
import { ok as assert } from 'node:assert';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { IMPORT_STREAM, startImport, writeAccessLog } from './import-process.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const POLL_MS = 20;
const DAY_MS = 86_400_000;
const STOPPED_AT = 0.6;
const STOP_MS_MAX = 600_000;

const { values: options } = parseArgs({
  options: {
    lines: { type: 'string', default: '2000000' },
    cut: { type: 'string', default: '16 MiB' },
  },
});
const lines = Number(options.lines);
const folder = scratchFolder('stop-bench');
const log = join(folder, 'access.log');
writeAccessLog(log, lines, Math.floor(Date.now() / DAY_MS - 9) * DAY_MS, DAY_MS);
const server = await Server.prepare({
  folder: join(folder, 'server'),
  partitions: 1,
  config: { archive: { cut: { bytesMax: options.cut } } },
});
try {
  await server.start();
  const { ended } = startImport(server, log);
  while ((await server.ledger(IMPORT_STREAM)).applied < STOPPED_AT * lines) await sleep(POLL_MS);
  const beganMs = performance.now();
  process.kill(server.pid, 'SIGTERM');
  await server.ended(STOP_MS_MAX);
  const seconds = (performance.now() - beganMs) / 1_000;
  console.log(`stopped after ${seconds.toFixed(1)} s`);
  await server.stop();
  await server.start();
  const told = await ended;
  const { applied } = await server.caughtUp(IMPORT_STREAM);
  assert(told?.accepted === lines && applied === lines, `expected ${lines}, received ${applied}`);
} finally {
  await server.kill();
  removeScratch(folder);
}
process.exit(0);
