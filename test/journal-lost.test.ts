/** A server as it is run, whose journal was removed while it was stopped. */
import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { sendApplied } from './send-applied.ts';

const TEST_MS_MAX = 900_000;
const END_MS_MAX = 300_000;
const EVENTS = Array.from({ length: 100 }, (_, n) => ({ type: 'view', id: String(n) }));

/** Stopped, with all events applied and committed. */
async function stopped(t: ExecutionContext) {
  t.timeout(TEST_MS_MAX);
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-lost-'));
  const server = await Server.prepare({ folder, partitions: 2 });
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  await server.start();
  await sendApplied(server, 'shop', EVENTS);
  await server.stop();
  return { server, journal: join(server.dataDir, 'journal'), aside: join(folder, 'aside') };
}

test('without its journal no server starts; with it again what is sent again counts once', async (t) => {
  const { server, journal, aside } = await stopped(t);
  await rename(journal, aside);
  server.launch();
  t.is(await server.ended(END_MS_MAX), null);
  t.regex(server.logTail(), /log_truncated/);
  t.true(server.logTail().includes(journal));
  t.false(existsSync(journal), 'the place of the folder is free for it');
  await server.kill();

  await rename(aside, journal);
  await server.start();
  await sendApplied(server, 'shop', EVENTS);
  const { applied, duplicate } = await server.caughtUp('shop');
  t.deepEqual([applied, duplicate], [EVENTS.length, EVENTS.length]);
});

test('without journal and state a server begins anew', async (t) => {
  const { server, journal } = await stopped(t);
  await rm(journal, { recursive: true });
  await rm(join(server.dataDir, 'state'), { recursive: true });
  await server.start();
  await sendApplied(server, 'shop', EVENTS);
  const { applied, duplicate } = await server.caughtUp('shop');
  t.deepEqual([applied, duplicate], [EVENTS.length, 0]);
});
