/** The way from an event into a Parquet file, through a server as it is run, read by DuckDB as others would. */
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { runCli } from '../src/cli.ts';
import { folderOf } from '../storage/archive/paths.ts';
import { sendApplied } from './send-applied.ts';

interface Site {
  readonly server: Server;
  readonly folder: string;
  readonly duck: DuckDBConnection;
}

async function site(t: ExecutionContext, config: Readonly<Record<string, unknown>> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({ folder, partitions: 3, config });
  const duck = await (await DuckDBInstance.create(':memory:')).connect();
  await server.start();
  t.teardown(async () => {
    await server.kill();
    duck.closeSync();
    await rm(folder, { recursive: true });
  });
  return { server, folder, duck };
}

const send = ({ server }: Site, events: readonly object[]): Promise<string> =>
  sendApplied(server, 'shop', events);

interface Archived {
  readonly archiveNow: { readonly rows: number; readonly version: number; readonly files: number };
}

/** Until the applied events are committed too: `archiveNow` takes what is committed. */
async function archived({ server }: Site, rows: number): Promise<Archived['archiveNow']> {
  for (;;) {
    const { archiveNow } = await server.query<Archived>(
      'mutation { archiveNow { rows version files } }',
    );
    if (archiveNow.rows >= rows) return archiveNow;
  }
}

const files = ({ folder }: Site) =>
  `read_parquet('${folder}/data/archive/tenant=*/**/*.parquet', union_by_name = true)`;

async function ask({ duck }: Site, sql: string): Promise<unknown[]> {
  return (await duck.runAndReadAll(sql)).getRowObjectsJson();
}

const purchase = (n: number) => ({
  id: `p${n}`,
  type: n % 2 === 0 ? 'buy' : 'look',
  ts: 1_790_000_000_000 + n,
  user: `u${n % 10}`,
  amount: n / 4,
  vip: n % 3 === 0,
});

test('each event is in one segment once, whatever was sent twice', async (t) => {
  const here = await site(t);
  const events = Array.from({ length: 500 }, (_, n) => purchase(n));
  await send(here, events);
  await send(here, events.slice(100, 300));
  const first = await archived(here, 500);
  t.is(first.rows, 500);
  await send(here, [...events, purchase(500)]);
  t.is((await archived(here, 501)).rows, 501);
  t.deepEqual(
    await ask(
      here,
      `SELECT type, count(*)::INT AS n, count(DISTINCT id)::INT AS ids, sum(amount) AS amount,
          epoch_ms(min(ts))::VARCHAR AS first, bool_or(vip) AS vip, min(stream) AS stream
        FROM ${files(here)} GROUP BY type ORDER BY type`,
    ),
    ['buy', 'look'].map((type, odd) => {
      const of = [...events, purchase(500)].filter((event) => event.type === type);
      return {
        type,
        n: of.length,
        ids: of.length,
        amount: of.reduce((sum, { amount }) => sum + amount, 0),
        first: String(1_790_000_000_000 + odd),
        vip: true,
        stream: 'shop',
      };
    }),
  );
});

test('a killed server goes on where its archive ends', async (t) => {
  const here = await site(t, { archive: { cut: { ageMaxMs: 1_000 } } });
  for (let round = 0; round < 4; round++) {
    await send(
      here,
      Array.from({ length: 200 }, (_, n) => purchase(round * 100 + n)),
    );
    await here.server.kill();
    await here.server.start();
  }
  t.is((await archived(here, 500)).rows, 500);
  t.deepEqual(
    await ask(
      here,
      `SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS ids FROM ${files(here)}`,
    ),
    [{ n: 500, ids: 500 }],
  );
  const left = await readdir(join(here.folder, 'data/archive/_tmp'));
  t.deepEqual(left, []);
});

test('a data folder from before the last cut is not taken for the one that was archived', async (t) => {
  const here = await site(t);
  const [data, copy] = [join(here.folder, 'data'), join(here.folder, 'copy')];
  const archive = join(data, 'archive');
  await send(here, [purchase(1)]);
  await archived(here, 1);
  await here.server.stop();
  await cp(data, copy, { recursive: true, filter: (path) => path !== archive });
  await here.server.start();
  await send(
    here,
    Array.from({ length: 200 }, (_, n) => purchase(2 + n)),
  );
  await archived(here, 201);
  await here.server.kill();
  for (const folder of ['journal', 'state']) {
    await rm(join(data, folder), { recursive: true });
    await cp(join(copy, folder), join(data, folder), { recursive: true });
  }
  await here.server.start();
  await t.throwsAsync(here.server.query('mutation { archiveNow { rows } }'));
  const { archive: now } = await here.server.query<{ archive: { problem: string } }>(
    '{ archive { problem } }',
  );
  t.regex(now.problem, /this data folder is a copy from before that/);
});

interface Problem {
  readonly archive: { readonly problem: string | null; readonly fenced: boolean };
}

const problemOf = async ({ server }: Site): Promise<Problem['archive']> =>
  (await server.query<Problem>('{ archive { problem fenced } }')).archive;

const COUNT = `{ sql(query: "SELECT count(*) AS n FROM shop") { rows } }`;

test('an archive that is away at the start is waited for: nothing is begun in its place, and no question is answered without it', async (t) => {
  const here = await site(t);
  const [dir, away] = ['data/archive', 'away'].map((name) => join(here.folder, name));
  await send(here, [purchase(1)]);
  await archived(here, 1);
  await here.server.stop();
  await rename(dir ?? '', away ?? '');
  await mkdir(dir ?? '');
  await here.server.start();
  await t.throwsAsync(here.server.query(COUNT), { message: /the archive is not open/ });
  await t.throwsAsync(here.server.query('mutation { archiveNow { rows } }'), {
    message: /there is no archive in .*not mounted/,
  });
  t.regex((await problemOf(here)).problem ?? '', /there is no archive in/);
  t.deepEqual(await readdir(dir ?? ''), []);
  await rm(dir ?? '', { recursive: true });
  await rename(away ?? '', dir ?? '');
  while ((await problemOf(here)).problem !== null);
  await send(here, [purchase(2)]);
  t.is((await archived(here, 2)).rows, 2);
});

test('an archive that is moved away under its server is waited for, and nobody is said to have claimed it', async (t) => {
  const here = await site(t);
  const [dir, away] = ['data/archive', 'away'].map((name) => join(here.folder, name));
  await send(here, [purchase(1)]);
  await archived(here, 1);
  await rename(dir ?? '', away ?? '');
  await t.throwsAsync(here.server.query(COUNT), { message: /is out of reach/ });
  await send(here, [purchase(2)]);
  const waiting = archived(here, 2);
  let told = await problemOf(here);
  while (told.problem === null) told = await problemOf(here);
  t.regex(told.problem, /there is no archive in/);
  t.false(told.fenced);
  await rename(away ?? '', dir ?? '');
  t.is((await waiting).rows, 2);
  t.like(await problemOf(here), { problem: null, fenced: false });
});

test('a copy of the data folder that has gone on by itself is told from its original, and does not claim', async (t) => {
  const archive = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(archive, { recursive: true }));
  const here = await site(t, { archive: { local: { dir: archive } } });
  await send(here, [purchase(1)]);
  await archived(here, 1);
  await here.server.stop();
  const there = await site(t, { archive: { local: { dir: archive } } });
  await there.server.stop();
  await rm(join(there.folder, 'data'), { recursive: true });
  await cp(join(here.folder, 'data'), join(there.folder, 'data'), { recursive: true });
  await here.server.start();
  await send(here, [purchase(2)]);
  const { version } = await archived(here, 2);
  await there.server.start();
  await send(
    there,
    Array.from({ length: 200 }, (_, n) => purchase(1_000 + n)),
  );
  await t.throwsAsync(there.server.query('mutation { archiveNow { rows } }'));
  const { archive: now } = await there.server.query<{ archive: { problem: string } }>(
    '{ archive { problem } }',
  );
  t.regex(now.problem, /was made from another copy of this data folder, by process \d+ on /);
  await send(here, [purchase(3)]);
  t.is((await archived(here, 3)).version, version + 1);
});

test('what waited before a restart waits after it', async (t) => {
  const here = await site(t, { archive: { cut: { ageMaxMs: 3_600_000 } } });
  await send(here, [purchase(0)]);
  await archived(here, 1);
  await send(here, [purchase(1)]);
  await here.server.kill();
  await here.server.start();
  const waiting = async () => {
    const { archive } = await here.server.query<{
      archive: { version: number; waitingBytes: number };
    }>('{ archive { version waitingBytes } }');
    // Before anything of the archive is known, all of the log waits.
    return archive.version === 0 ? 0 : archive.waitingBytes;
  };
  // As soon as it is read from the log and committed again.
  while ((await waiting()) === 0) await sleep(50);
  await archived(here, 2);
  while ((await waiting()) > 0) await sleep(50);
  t.pass();
});

test('a field that comes later, one that changes its kind and one that is rare are all there', async (t) => {
  const here = await site(t);
  await send(here, [{ id: 'a', type: 'x', n: 1 }]);
  await archived(here, 1);
  const plain = Array.from({ length: 999 }, (_, i) => ({ id: `b${i}`, type: 'x', n: `text ${i}` }));
  await send(here, [...plain, { id: 'c', type: 'x', n: 2, seldom: 'yes' }]);
  await archived(here, 1_001);
  t.deepEqual(
    await ask(
      here,
      `SELECT id, n, n_string, more['seldom'] AS seldom FROM ${files(here)}
        WHERE id IN ('a', 'b7', 'c') ORDER BY id`,
    ),
    [
      { id: 'a', n: 1, n_string: null, seldom: null },
      { id: 'b7', n: null, n_string: 'text 7', seldom: null },
      { id: 'c', n: 2, n_string: null, seldom: 'yes' },
    ],
  );
});

interface Compacted {
  readonly archiveNow: {
    readonly rows: number;
    readonly files: number;
    readonly compactions: number;
    readonly work: readonly { readonly kind: string; readonly problem: string | null }[];
  };
}

const compacted = async ({ server }: Site): Promise<Compacted['archiveNow']> =>
  (
    await server.query<Compacted>(
      'mutation { archiveNow(compact: true) { rows files compactions work { kind problem } } }',
    )
  ).archiveNow;

test('a compacted hour has one file with all its events, and late ones come beside it', async (t) => {
  const here = await site(t, { archive: { removedKeptMs: 1_000 } });
  for (let round = 0; round < 3; round++) {
    await send(
      here,
      Array.from({ length: 100 }, (_, n) => purchase(round * 100 + n)),
    );
    await archived(here, (round + 1) * 100);
  }
  const first = await compacted(here);
  t.like(first, { rows: 300, files: 1, compactions: 1 });
  t.true(first.work.every(({ problem }) => problem === null));
  await send(
    here,
    Array.from({ length: 50 }, (_, n) => purchase(300 + n)),
  );
  await archived(here, 350);
  const late = await foldersOf(here);
  t.is(late.length, 1);
  t.like(await compacted(here), { rows: 350, files: 1, compactions: 2 });
  t.notDeepEqual(await foldersOf(here), late);
  await deleted(here);
  t.deepEqual(
    await ask(
      here,
      `SELECT count(*)::INT AS n, count(DISTINCT id)::INT AS ids FROM ${files(here)}`,
    ),
    [{ n: 350, ids: 350 }],
  );
  t.is(await verify(here), 0);
});

/** Until no removed file is left. */
async function deleted({ server }: Site): Promise<void> {
  for (;;) {
    const { archive } = await server.query<{ archive: { filesRemoved: number } }>(
      '{ archive { filesRemoved } }',
    );
    if (archive.filesRemoved === 0) return;
  }
}

/** Where the files of the newest version lie. */
async function foldersOf({ server }: Site): Promise<string[]> {
  const { segments }: Listed = await server.query<Listed>(
    '{ segments(stream: "shop") { nextCursor rows segments { path rows } } }',
  );
  return [...new Set(segments.segments.map(({ path }) => folderOf(path)))];
}

test('segments are listed to their tenant, page by page, and verified from outside', async (t) => {
  const here = await site(t);
  await send(
    here,
    Array.from({ length: 90 }, (_, n) => purchase(n)),
  );
  const { files: count } = await archived(here, 90);
  const seen: string[] = [];
  let after: string | null = null;
  do {
    const { segments }: Listed = await here.server.query<Listed>(
      `query ($after: String) { segments(stream: "shop", first: 1, after: $after) { nextCursor rows segments { path rows } } }`,
      { after },
    );
    t.is(segments.rows, 90);
    seen.push(...segments.segments.map(({ path }) => path));
    after = segments.nextCursor;
  } while (after !== null);
  t.is(new Set(seen).size, count);
  const { manifest }: Versions = await here.server.query<Versions>(
    '{ manifest { version owner { host } versions { version change rowsAdded } } }',
  );
  t.is(manifest.versions[0]?.version, manifest.version);
  t.like(manifest.versions.at(-1), { version: 1, change: 'claim', rowsAdded: 0 });
  t.is(sum(manifest.versions.map(({ rowsAdded }) => rowsAdded)), 90);
  t.is(await verify(here), 0);
  await rm(join(here.folder, 'data/archive', seen[0] ?? ''));
  t.is(await verify(here), 1);
});

interface Versions {
  readonly manifest: {
    readonly version: number;
    readonly owner: { readonly host: string };
    readonly versions: readonly {
      readonly version: number;
      readonly change: string;
      readonly rowsAdded: number;
    }[];
  };
}

const sum = (numbers: readonly number[]): number =>
  numbers.reduce((total, number) => total + number, 0);

interface Listed {
  readonly segments: {
    readonly nextCursor: string | null;
    readonly rows: number;
    readonly segments: readonly { readonly path: string; readonly rows: number }[];
  };
}

const verify = ({ folder }: Site): Promise<number> =>
  runCli(['segments', 'verify', '--data-dir', join(folder, 'data')], {
    out: () => {},
    err: () => {},
    isInteractive: false,
    readLine: async () => '',
    onStopSignal: () => () => {},
    abort: () => {},
  });
