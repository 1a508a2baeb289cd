import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { DuckProcess } from '../../src/threads/duck-process.ts';

const NUMBERS = {
  author: 'server',
  sql: 'SELECT count(*) FROM range(10)',
  ...{ parameters: [], views: [], paths: [], rowsMax: 1, timeoutMs: 20_000 },
} as const;

test('a process that has ended leaves nothing of what it spilled', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const tempDir = join(folder, '0');
  const memoryBytesMax = 256 * 1024 * 1024;
  const duck = new DuckProcess({ threads: 1, memoryBytesMax, tempDir, folders: [folder] }, folder);
  t.deepEqual((await duck.run(NUMBERS)).rows, [[10]]);
  t.true(existsSync(tempDir));
  duck.close();
  while (existsSync(tempDir)) await sleep(10);
  t.false(duck.isUsable);
});
