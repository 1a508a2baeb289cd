/** Readers of an export that are slow, go away or get half of it; processes that end within one. */
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { archive, openSite, type Site, send } from './site.ts';

const STREAM = 'long';
/** Some 60 MB of NDJSON: more than sockets and pipes hold between DuckDB and a reader. */
const ROWS = 40_000;
const MIB = 2 ** 20;
let here: Site;

test.before(async () => {
  here = await openSite({ cold: { exports: { concurrency: 2 } } });
  const filler = 'x'.repeat(1_400);
  const event = (n: number) => ({ id: `e${n}`, type: 'x', ts: 1_790_000_000_000 + n, filler, n });
  let position = '';
  for (let from = 0; from < ROWS; from += 2_000) {
    const some = Array.from({ length: 2_000 }, (_, i) => event(from + i));
    position = await send(here, STREAM, some);
    if (from === ROWS / 2) await archive(here, position);
  }
  await archive(here, position);
});
test.after.always(() => here?.close());

interface Reader {
  readonly socket: Socket;
  /** Reads on, until the server ends the connection; answers all that was read. */
  rest(): Promise<Buffer>;
}

/** Asks for an export and reads the head of the answer and what came with it; then nothing. */
async function begin(): Promise<Reader> {
  const socket = connect(here.server.queryPort, here.server.host);
  const pieces: Buffer[] = [];
  socket.on('error', () => undefined);
  socket.write(
    `GET /v1/export?stream=${STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n`,
  );
  const [first]: readonly Buffer[] = await once(socket, 'data');
  socket.pause();
  if (first !== undefined) pieces.push(first);
  return {
    socket,
    async rest() {
      socket.on('data', (piece: Buffer) => pieces.push(piece));
      socket.resume();
      if (!socket.closed) await once(socket, 'close');
      return Buffer.concat(pieces);
    },
  };
}

/** Processes with DuckDB that the server has. */
const duckPids = (): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const [, rest = ''] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ');
        const isChild = Number(rest.split(' ')[1]) === here.server.pid;
        return isChild && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('duck.ts');
      } catch {
        return false;
      }
    });

/** Bytes that this process has had read from files and pipes, by the system's own account. */
const readBytes = (pid: number): number =>
  Number(/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'latin1'))?.[1]);

function folderBytes(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 500 && !holds(); i++) await sleep(20);
  if (!holds()) throw new Error('it did not come to hold');
}

/** How much went out, once that stays the same. */
async function settled(count: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const now = count();
    if (now === last) return now;
    last = now;
    await sleep(300);
  }
}

const isWhole = (answer: Buffer): boolean => answer.subarray(-5).toString() === '0\r\n\r\n';
/** Of the chunks that have come whole. */
function linesOf(answer: Buffer): number {
  let lines = 0;
  for (let at = answer.indexOf('\r\n\r\n') + 4; at < answer.length; ) {
    const start = answer.indexOf('\r\n', at) + 2;
    const end = start + Number.parseInt(answer.toString('latin1', at, start), 16);
    for (let i = start; i < Math.min(end, answer.length); i++) if (answer[i] === 0x0a) lines++;
    at = end + 2;
  }
  return lines;
}

test.serial(
  'what a slow reader leaves is neither read nor kept, and it gets everything later',
  async (t) => {
    const { rssBytes } = here.server.usage();
    const reader = await begin();
    const [pid = 0] = duckPids();
    const read = await settled(() => readBytes(pid));
    t.true(read < 40 * MIB, `${read} bytes were read ahead`);
    t.true(folderBytes(join(here.server.dataDir, 'cold-work')) < 16 * MIB);
    t.true(here.server.usage().rssBytes - rssBytes < 64 * MIB, 'of the server');
    const answer = await reader.rest();
    t.true(isWhole(answer));
    t.is(linesOf(answer), ROWS);
  },
);

test.serial('a reader that goes away ends the work, and its place is free', async (t) => {
  const before = duckPids();
  for (let round = 0; round < 3; round++) {
    const reader = await begin();
    const own = duckPids();
    reader.socket.destroy();
    await until(() => duckPids().every((pid) => !own.includes(pid)) || own.length === 0);
  }
  t.true(duckPids().length <= before.length + 1);
  t.is(linesOf(await (await begin()).rest()), ROWS);
});

test.serial(
  'a tenant leaves a place: its second export at a time is told to come again',
  async (t) => {
    const reader = await begin();
    const url = `http://${here.server.host}:${here.server.queryPort}/v1/export?stream=${STREAM}`;
    const refused = await fetch(url);
    t.is(refused.status, 503);
    t.is(refused.headers.get('retry-after'), '30');
    t.regex(
      await refused.text(),
      /"code":"query_overload","message":"1 exports run, 1 of them of this/,
    );
    reader.socket.destroy();
    await until(() => duckPids().length === 0);
  },
);

test.serial(
  'an export whose process ends is broken off, never ended as if it was whole',
  async (t) => {
    const reader = await begin();
    for (const pid of duckPids()) process.kill(pid, 'SIGKILL');
    const answer = await reader.rest();
    t.false(isWhole(answer));
    t.true(linesOf(answer) < ROWS);
    // Written as soon as the connection is.
    while (!/an export was broken off/.test(here.server.log())) await sleep(20);
    t.is(linesOf(await (await begin()).rest()), ROWS);
  },
);
