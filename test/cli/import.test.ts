/** `streamgauge import` and a server. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { lockState } from '../../src/cli/bulk/import-lock.ts';
import { type Found, openSite, page } from '../query/cold/site.ts';
import { runHeard } from './heard-terminal.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-import-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** One for all: each test has a stream of its own. */
const opened = openSite();
test.after.always(async () => (await opened).close());

/** Once so many are committed. */
async function eventsOf(stream: string, count: number): Promise<readonly Found[]> {
  for (;;) {
    try {
      const { events } = await page(await opened, { stream });
      if (events.length >= count) return events;
    } catch {
      // The archive of a server that has just started is being opened.
    }
    await sleep(50);
  }
}

async function run(folder: string, ...args: string[]) {
  const site = await opened;
  const { host, ingestPort, queryPort } = site.server;
  const ran = await runHeard(
    'import',
    ...['--ingest-url', `http://${host}:${ingestPort}`, '--url', `http://${host}:${queryPort}`],
    ...['--state', join(folder, 'state.json'), '--json', ...args],
  );
  return { ...ran, told: ran.out === '' ? { err: ran.err } : JSON.parse(ran.out) };
}

const LINE =
  '203.0.113.9 - kim [10/Oct/2025:13:55:36 +0200] "GET /a/b?x=1 HTTP/1.1" 404 - "-" "say \\"hi\\""';
const line = (n: number) => LINE.replace('/a/b', `/page/${n}`);

test('an access log becomes requests with their times, and lines that are none are named', async (t) => {
  const folder = folderOf(t);
  const logs = join(folder, 'logs');
  mkdirSync(join(logs, 'old'), { recursive: true });
  writeFileSync(join(logs, 'access.log'), `${LINE}\n\nnot a request\n`);
  writeFileSync(join(logs, 'old', 'access.log.1.gz'), gzipSync(`${line(2)}\r\n${line(3)}`));
  const { told, err, exitCode } = await run(folder, '--stream', 'web', logs);
  t.is(exitCode, 1);
  t.like(told, { accepted: 3, refused: 0, unreadable: 1, files: 2 });
  t.regex(err, /access\.log:3: expected a line such as %h .*received "not a request"/);
  const events = await eventsOf('web', 3);
  t.deepEqual(events.map(({ fields }) => fields['path']).sort(), ['/a/b', '/page/2', '/page/3']);
  t.like(
    events.find(({ fields }) => fields['path'] === '/a/b'),
    {
      type: 'request',
      ts: Date.UTC(2025, 9, 10, 11, 55, 36),
      fields: {
        remote_addr: '203.0.113.9',
        user: 'kim',
        method: 'GET',
        path: '/a/b',
        query: 'x=1',
        protocol: 'HTTP/1.1',
        status: 404,
        user_agent: 'say "hi"',
      },
    },
  );
});

test('a second run brings only what is new, of files that have grown, moved or been replaced', async (t) => {
  const folder = folderOf(t);
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  const log = join(logs, 'access.log');
  const first = [1, 2, 3, 4, 5].map((n) => `${line(n)}\n`).join('');
  writeFileSync(log, `${line(1)}\n`);
  const counts = async () => {
    const { told, err } = await run(folder, '--stream', 'grown', logs);
    t.is(err, '');
    return [told.accepted, told.run.settled];
  };
  t.deepEqual(await counts(), [1, 1]);
  writeFileSync(log, first);
  t.deepEqual(await counts(), [5, 4]);
  t.deepEqual(await counts(), [5, 0]);
  writeFileSync(log, `${first}${line(6)}\n`);
  t.deepEqual(await counts(), [6, 1]);
  renameSync(log, join(logs, 'access.log.1'));
  writeFileSync(log, `${line(7)}\n`);
  t.deepEqual(await counts(), [7, 1]);
  t.is((await eventsOf('grown', 7)).length, 7);
});

test('beside access logs an error log is passed over and told, unless it is named', async (t) => {
  const folder = folderOf(t);
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  const errorLog = join(logs, 'error.log');
  writeFileSync(errorLog, '2026/11/20 00:00:01 [error] 7#7: *1 open() "/x" failed\n');
  writeFileSync(join(logs, 'access.log'), `${LINE}\n`);
  const { told, err, exitCode } = await run(folder, '--stream', 'nginx', logs);
  t.is(exitCode, 0);
  t.like(told, { accepted: 1, unreadable: 0, files: 1 });
  t.regex(err, /error\.log: not recognised, passed over .*--exclude/);
  t.regex((await run(folder, '--stream', 'nginx', logs, errorLog)).err, /was not recognised: say/);
  const excluded = await run(folder, '--stream', 'nginx', '--exclude', 'error*', logs, errorLog);
  t.is(excluded.exitCode, 0);
  t.is(excluded.err, '');
  rmSync(join(logs, 'access.log'));
  t.is((await run(folder, '--stream', 'nginx', logs)).exitCode, 3);
  rmSync(errorLog);
  t.regex((await run(folder, '--stream', 'nginx', logs)).err, /no file is in .*logs/);
});

test('how far imports are is no event, although it may lie beside the files', async (t) => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'events.ndjson'), '{"type":"x"}\n');
  writeFileSync(join(folder, 'streamgauge-import-other.json'), '{"version":1}\n');
  for (let n = 0; n < 2; n++) {
    const { told, err } = await run(folder, '--stream', 'beside', folder);
    t.is(err, '');
    t.like(told, { accepted: 1, refused: 0, files: 1 });
  }
});

test('CSV has names in its first row, and type and time where the user says', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'orders.csv');
  writeFileSync(
    file,
    [
      '\ufeffcreated,kind,amount,note,paid,zip',
      '2025-11-01 12:00:00,order,12.50,"two\nlines, ""quoted"" ☂",true,01234',
      '1762000000,refund,-3,,false,',
      'never,order,1,,,',
      'short,row',
      '',
    ].join('\r\n'),
  );
  const fields = ['--type-field', 'kind', '--time-field', 'created'];
  const { told, err } = await run(folder, '--stream', 'shop', ...fields, file);
  t.like(told, { accepted: 2, unreadable: 2 });
  t.regex(err, /orders\.csv:4: expected a time in "created", received "never"/);
  t.regex(err, /orders\.csv:5: expected 6 values, received 2/);
  const events = await eventsOf('shop', 2);
  t.like(
    events.find(({ type }) => type === 'order'),
    {
      ts: Date.UTC(2025, 10, 1, 12),
      fields: { amount: 12.5, note: 'two\nlines, "quoted" ☂', paid: true, zip: '01234' },
    },
  );
  t.like(
    events.find(({ type }) => type === 'refund'),
    { ts: 1_762_000_000_000, fields: { amount: -3, paid: false } },
  );
});

test('NDJSON keeps its own ids, types and times', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'events');
  writeFileSync(
    file,
    '{"id":"a","type":"x","ts":5}\n{"type":"y","ts":6,"big":12345678901234567890}\n',
  );
  const { told } = await run(folder, '--stream', 's', file);
  t.like(told, { accepted: 2 });
  const shaped = join(folder, 'shaped.jsonl');
  writeFileSync(
    shaped,
    '{"at":"2025-11-01T00:00:00+01:00","type":"own"}\n{"at":1762000000000}\n[]\n',
  );
  const more = ['--state', join(folder, 'other.json'), '--type', 'z', '--time-field', 'at'];
  const other = await run(folder, '--stream', 's', ...more, shaped);
  t.like(other.told, { accepted: 2, unreadable: 1 });
  const events = await eventsOf('s', 4);
  t.deepEqual(events.map(({ type, ts }) => [type, ts]).sort(), [
    ['own', Date.parse('2025-10-31T23:00:00Z')],
    ['x', 5],
    ['y', 6],
    ['z', 1_762_000_000_000],
  ]);
  t.is(events.find(({ type }) => type === 'x')?.id, 'a');
});

test('a last line without an end waits while its file may grow', async (t) => {
  const folder = folderOf(t);
  const log = join(folder, 'access.log');
  const write = (text: string, modified: Date) => {
    writeFileSync(log, text);
    utimesSync(log, modified, modified);
    return run(folder, '--stream', 'growing', log);
  };
  const soon = new Date(Date.now() + 3_600_000);
  const longAgo = new Date(Date.now() - 3_600_000);
  const begun = `${line(1)}\n${line(2)}`;
  const half = await write(begun.slice(0, -20), soon);
  t.is(half.exitCode, 0);
  t.like(half.told, { accepted: 1, unreadable: 0 });
  t.regex(half.err, /access\.log: the last line has no end yet and is left/);
  t.like((await write(begun, soon)).told, { accepted: 1 });
  t.like((await write(`${begun}\n${line(3)}`, soon)).told, { accepted: 2 });
  const whole = await write(`${begun}\n${line(3)}`, longAgo);
  t.like(whole.told, { accepted: 3, unreadable: 0 });
  t.is(whole.err, '');
  t.is((await eventsOf('growing', 3)).length, 3);
});

test('a packed file that is damaged ends an import, which goes on once it is whole', async (t) => {
  const folder = folderOf(t);
  const log = join(folder, 'access.log.gz');
  // Longer than what is looked at first.
  const text = Array.from({ length: 20_000 }, (_, n) => `${line(n)}\n`).join('');
  const packed = gzipSync(text);
  writeFileSync(log, packed.subarray(0, -1_000));
  const damaged = await run(folder, '--stream', 'damaged', log);
  t.is(damaged.exitCode, 1);
  t.regex(damaged.err, /access\.log\.gz cannot be unpacked: .*input_damaged/);
  writeFileSync(log, packed);
  t.like((await run(folder, '--stream', 'damaged', log)).told, { accepted: 20_000 });
});

test('a second import with the same state is refused while the first runs', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'access.log');
  writeFileSync(file, `${LINE}\n`);
  const unlock = await lockState(join(folder, 'state.json'));
  const second = await run(folder, '--stream', 'once', file);
  t.is(second.exitCode, 3);
  t.regex(second.err, /another import works with the state .*--state of its own/);
  const other = join(folder, 'other.json');
  t.is((await run(folder, '--stream', 'twice', '--state', other, file)).exitCode, 0);
  unlock();
  t.like((await run(folder, '--stream', 'once', file)).told, { accepted: 1 });
  const nowhere = join(folder, 'none', 'state.json');
  t.regex((await run(folder, '--state', nowhere, file)).err, /--state: .*ENOENT/);
});

test('what cannot be imported is said before anything is', async (t) => {
  const folder = folderOf(t);
  const file = join(folder, 'text');
  writeFileSync(file, 'once upon a time\n');
  t.regex((await run(folder, file)).err, /was not recognised: say with --format/);
  t.regex((await run(folder, join(folder, 'none'))).err, /expected files and folders: ENOENT/);
  const format = ['--format', '$remote_addr $status'];
  t.regex((await run(folder, ...format, file)).err, /--format: .*: it has no time/);
  writeFileSync(file, `${LINE}\n`);
  t.like(await run(folder, file), { exitCode: 0, err: '' });
  const other = await run(folder, '--stream', 'other', file);
  t.regex(other.err, /import with another stream: expected "events", received "other"/);
});
