import { existsSync, readFileSync, statSync } from 'node:fs';
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openFileStore } from '../../../src/client/node/file-store.ts';
import type { QueuedEvent } from '../../../src/client/platform.ts';

async function fileFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-client-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return join(folder, 'waiting');
}

// Some take U+2028 for a line end.
function event(n: number, text = 'ü\u2028'): QueuedEvent {
  const line = JSON.stringify({ type: 'a', n, text });
  return { place: `p${n}`, line, bytes: Buffer.byteLength(line), beaconedMs: undefined };
}

const ALL = ['~', 100] as const;

test('what was put and not removed is there after a restart, in order', async (t) => {
  const file = await fileFor(t);
  const first = openFileStore(file);
  await first.put([event(2), event(1), event(3)]);
  await first.put([{ ...event(1), beaconedMs: 77 }]);
  await first.remove(['p2', 'p9']);
  first.close();
  const second = openFileStore(file);
  t.teardown(() => second.close());
  t.deepEqual(await second.load(...ALL), [{ ...event(1), beaconedMs: 77 }, event(3)]);
  t.deepEqual(await second.load('p2', 100), [{ ...event(1), beaconedMs: 77 }]);
  t.deepEqual(await second.load('~', 1), [{ ...event(1), beaconedMs: 77 }]);
});

test('a line that was cut off by a kill costs that event alone', async (t) => {
  const file = await fileFor(t);
  const first = openFileStore(file);
  await first.put([event(1)]);
  first.close();
  await appendFile(file, '+p2  {"type":"b","n"');
  const second = openFileStore(file);
  await second.put([event(3)]);
  second.close();
  const third = openFileStore(file);
  t.teardown(() => third.close());
  t.deepEqual(await third.load(...ALL), [event(1), event(3)]);
});

test('half a line of a full disk costs that event alone', async (t) => {
  const file = await fileFor(t);
  const lines = [
    '+p1  {"type":"a","n"',
    '+p2  {"type":"b"+p3  {"type":"c"}',
    '+p4  {"type":"d"}',
    '?',
  ];
  await writeFile(file, lines.map((line) => `${line}\n`).join(''));
  const store = openFileStore(file);
  t.teardown(() => store.close());
  t.deepEqual(
    (await store.load(...ALL)).map(({ line }) => line),
    ['{"type":"d"}'],
  );
});

test('an empty queue is an empty file', async (t) => {
  const file = await fileFor(t);
  const store = openFileStore(file);
  t.teardown(() => store.close());
  await store.put([event(1), event(2)]);
  await store.remove(['p1', 'p2']);
  t.is(statSync(file).size, 0);
  await store.put([event(3)]);
  await store.clear();
  t.is(statSync(file).size, 0);
  t.deepEqual(await store.load(...ALL), []);
});

test('a queue that is never empty does not make the file grow without end', async (t) => {
  const file = await fileFor(t);
  const store = openFileStore(file);
  const text = 'x'.repeat(2 ** 20);
  await store.put([event(0)]);
  for (let n = 1; n <= 40; n++) {
    await store.put([event(n, text)]);
    await store.remove([`p${n}`]);
  }
  t.true(statSync(file).size < 20 * 2 ** 20, `${statSync(file).size}`);
  store.close();
  const again = openFileStore(file);
  t.teardown(() => again.close());
  t.deepEqual(await again.load(...ALL), [event(0)]);
});

test('a file that cannot be written anew goes on as it is', async (t) => {
  const file = await fileFor(t);
  const store = openFileStore(file);
  const text = 'x'.repeat(2 ** 20);
  await store.put([event(0)]);
  // Where the new one would be begun.
  await mkdir(`${file}.next`);
  for (let n = 1; n <= 17; n++) {
    await store.put([event(n, text)]);
    await store.remove([`p${n}`]).catch((error: unknown) => t.like(error, { code: 'EISDIR' }));
  }
  await store.put([event(18)]);
  t.true(readFileSync(file, 'utf8').includes(event(18).line));
  await rm(`${file}.next`, { recursive: true });
  await store.remove(['p18']);
  t.true(statSync(file).size < 2 ** 20, 'later it can');
  store.close();
  const again = openFileStore(file);
  t.teardown(() => again.close());
  t.deepEqual(await again.load(...ALL), [event(0)]);
});

test('a file has one client; the lock of a process that is gone holds nobody up', async (t) => {
  const file = await fileFor(t);
  const store = openFileStore(file);
  t.throws(() => openFileStore(file), { message: /expected a file of this client alone/ });
  store.close();
  t.false(existsSync(`${file}.lock`));
  // No system has a process of this number.
  await writeFile(`${file}.lock`, '999999999');
  openFileStore(file).close();
  await writeFile(`${file}.lock`, String(process.ppid));
  t.throws(() => openFileStore(file), {
    message: new RegExp(`process ${process.ppid} has it open`),
  });
  t.is(readFileSync(`${file}.lock`, 'utf8'), String(process.ppid));
});
