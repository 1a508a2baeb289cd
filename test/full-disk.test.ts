/** A server as it is run, on a disk that gets full and has room again: what was acknowledged counts once. Needs root, to mount one. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { SmallDisk } from '../load-tests/small-disk.ts';
import { STREAM } from '../load-tests/workload.ts';

const DISK_BYTES = 512 * 2 ** 20;
const EVENTS = 100;
/** Lines that are refused, and kept whole in the state: what fills it soonest. */
const LETTERS = 400;
const LETTER_BYTES = 3_000;
const POLL_MS = 100;
const WAIT_MS_MAX = 120_000;
const TEST_MS_MAX = 600_000;

interface Scene {
  readonly server: Server;
  readonly disk: SmallDisk;
}

/** The disk has what is in `folder` of the data folder. Undefined, and said so: nothing may be mounted here. */
async function open(t: ExecutionContext, folder: string): Promise<Scene | undefined> {
  t.timeout(TEST_MS_MAX);
  const root = await mkdtemp(join(tmpdir(), 'streamgauge-full-'));
  const disk = SmallDisk.mount(join(root, 'data', folder), DISK_BYTES);
  if (disk === undefined) {
    await rm(root, { recursive: true });
    t.log('left out: only root may mount a file system');
    t.pass();
    return undefined;
  }
  const server = await Server.prepare({
    folder: root,
    partitions: 2,
    config: { commit: { intervalMs: 100 }, journal: { diskReserveBytes: 0 } },
  });
  t.teardown(async () => {
    await server.kill();
    disk.unmount();
    await rm(root, { recursive: true });
  });
  await server.start();
  return { server, disk };
}

/** What was acknowledged. */
class Sent {
  applied = 0;
  rejected = 0;
  #batches = 0;

  /** Answers the status. What is not acknowledged is sent again, with the same ids. */
  async post({ host, ingestPort }: Server, letters = 0): Promise<number> {
    const events = Array.from({ length: EVENTS }, (_, n) =>
      JSON.stringify({ type: 'view', id: `${this.#batches}-${n}`, country: 'de' }),
    );
    const refused = Array.from({ length: letters }, () =>
      randomBytes(LETTER_BYTES).toString('base64'),
    );
    const response = await fetch(`http://${host}:${ingestPort}/v1/events?stream=${STREAM}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: [...events, ...refused].join('\n'),
    });
    await response.arrayBuffer();
    if (response.ok) {
      this.#batches += 1;
      this.applied += EVENTS;
      this.rejected += letters;
    }
    return response.status;
  }
}

const STOPPED = /the state store takes no writes: [^"]*/;

const countsOf = ({ applied, rejected }: Sent) => ({ applied, rejected });

/** Calls `look` until it answers something. */
async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  const deadline = performance.now() + WAIT_MS_MAX;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) throw new Error(`${what}: not within ${WAIT_MS_MAX} ms`);
    await sleep(POLL_MS);
  }
}

async function readiness({ host, queryPort }: Server): Promise<string> {
  const response = await fetch(`http://${host}:${queryPort}/readyz`);
  return response.text();
}

test('a state store that a full disk has stopped goes on once there is room, and each event counts once', async (t) => {
  const scene = await open(t, 'state');
  if (scene === undefined) return;
  const { server, disk } = scene;
  const { pid } = server;
  const sent = new Sent();
  t.is(await sent.post(server, LETTERS), 200);
  await server.caughtUp();
  disk.fill();
  const problem = await until('a state store that takes no writes', async () => {
    // The log is on another disk.
    t.is(await sent.post(server, LETTERS), 200);
    return STOPPED.exec(await readiness(server))?.[0];
  });
  t.regex(problem, /\d+ bytes are free in .*\/data\/state; once there is room for \d+/);
  t.regex(problem, /No space left on device/);
  t.true((await server.metric('streamgauge_state_writes_refused_total')) > 0);
  t.is(await sent.post(server, LETTERS), 200);

  disk.empty();
  await until('a state store that takes writes', async () => {
    const said = await readiness(server).catch(() => undefined);
    return said === undefined || STOPPED.test(said) ? undefined : said;
  });
  await server.ready();
  t.like(await server.caughtUp(), { ...countsOf(sent), duplicate: 0, balanced: true });
  t.is(server.pid, pid);

  t.is(await sent.post(server), 200);
  await server.caughtUp();
  await server.kill();
  await server.start();
  t.like(await server.caughtUp(), { ...countsOf(sent), duplicate: 0, balanced: true });
});

test('while the disk of log and state is full senders get 503, and each event counts once', async (t) => {
  const scene = await open(t, '.');
  if (scene === undefined) return;
  const { server, disk } = scene;
  const sent = new Sent();
  t.is(await sent.post(server), 200);
  disk.fill();
  await until('a refusal', async () => ((await sent.post(server)) === 503 ? true : undefined));
  disk.empty();
  await until('room', async () =>
    (await sent.post(server).catch(() => 0)) === 200 ? true : undefined,
  );
  await server.ready();
  // What was refused as a whole may be logged in part, and is a duplicate then.
  t.like(await server.caughtUp(), { ...countsOf(sent), balanced: true });
});
