/** Backups of a server under load, and servers that are started on what was restored of them. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { markTarget } from '../storage/backup/target.ts';
import { runHeard } from './cli/heard-terminal.ts';
import { sendApplied } from './send-applied.ts';

const STREAM = 'shop';
const CONFIG = {
  rollups: [
    {
      name: 'sales',
      stream: STREAM,
      dimensions: ['type'],
      measures: ['count', 'sum(amount)', 'quantile(amount)', 'distinct(user)'],
    },
  ],
  journal: { fileBytes: '1 MiB' },
};

interface Site {
  readonly server: Server;
  readonly folder: string;
}

async function site(t: ExecutionContext, config: object = {}): Promise<Site> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  const server = await Server.prepare({ folder, partitions: 3, config: { ...CONFIG, ...config } });
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return { server, folder };
}

const configOf = ({ folder }: Site): string => join(folder, 'streamgauge.yaml');

const backUp = (here: Site, to: string) =>
  runHeard('backup', '--config', configOf(here), '--to', to, '--json');

const purchase = (n: number) => ({
  id: `p${n}`,
  type: ['buy', 'look', 'return'][n % 3],
  ts: 1_790_000_000_000 + n * 10,
  user: `u${n % 97}`,
  amount: (n % 1_000) / 4,
});

/** Sends until it is stopped. One event in ten is sent twice, and one line in each batch is none. */
function load({ server }: Site) {
  let isStopped = false;
  let next = 0;
  let wake: () => void = () => undefined;
  const running = (async () => {
    while (!isStopped) {
      const events = Array.from({ length: 500 }, (_, i) => purchase(next + i));
      await sendApplied(server, STREAM, [...events, ...events.slice(0, 50), { n: 1 }]);
      next += events.length;
      wake();
    }
    return next;
  })();
  return {
    /** Acknowledged so far. */
    sent: () => next,
    async reached(count: number) {
      while (next < count) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
    /** Answers how many events were acknowledged. */
    stop() {
      isStopped = true;
      return running;
    },
  };
}

/** Everything that a tenant can ask about, as of whole commits. */
const ANSWERS = `{
  ledger(stream: "shop") { received applied duplicate rejected pending balanced }
  deadLetters(first: 200) { letters { id text code } }
  timeseries(
    stream: "shop", from: 1789999200000, to: 1790092800000, step: "1h", groupBy: ["type"]
    measures: [
      { op: count } { op: sum, field: "amount" } { op: quantile, field: "amount", q: 0.9 }
      { op: distinct, field: "user" }
    ]
  ) { from to series { labels { name value } points { t values { value errorBound } } } }
}`;

interface Answers {
  readonly ledger: {
    readonly applied: number;
    readonly pending: number;
    readonly balanced: boolean;
  };
  readonly timeseries: object;
}

/** When everything that is logged is applied, and what is applied is committed. */
async function answers({ server }: Site): Promise<Answers> {
  for (;;) {
    const found = await server.query<Answers>(ANSWERS);
    // Of one request the rest may have been read before the last commit.
    if (found.ledger.pending === 0) return server.query<Answers>(ANSWERS);
  }
}

/** Until the applied events are committed too: `archiveNow` takes what is committed. */
async function archived({ server }: Site, rows: number): Promise<number> {
  for (;;) {
    const { archiveNow } = await server.query<{ archiveNow: { rows: number } }>(
      'mutation { archiveNow { rows } }',
    );
    if (archiveNow.rows >= rows) return archiveNow.rows;
  }
}

const restore = (from: string, dataDir: string) =>
  runHeard('restore', '--from', from, '--data-dir', dataDir);

/** A backup takes longer than this answer: what comes next comes in the middle of it. */
async function begin({ server }: Site, to: string): Promise<void> {
  const mark = randomUUID();
  await mkdir(to, { recursive: true });
  await markTarget(to, mark);
  await server.query(
    'mutation ($to: String!, $mark: String!) { startBackup(to: $to, mark: $mark) { state } }',
    { to, mark },
  );
}

test('what is restored of a backup under load is what the log says up to its position, and goes on from there', async (t) => {
  const here = await site(t);
  await here.server.start();
  const sending = load(here);
  await sending.reached(3_000);
  await here.server.query('mutation { archiveNow { rows } }');
  await sending.reached(6_000);
  const to = join(here.folder, 'backup');
  const before = sending.sent();
  const made = await backUp(here, to);
  t.is(made.exitCode, 0, made.err);
  const events = await sending.stop();
  const whole = await answers(here);
  await here.server.stop();

  const restored = await site(t);
  t.like(await restore(to, restored.server.dataDir), { exitCode: 0, err: '' });
  await restored.server.start();
  const atBackup = await answers(restored);
  const { balanced, applied } = atBackup.ledger;
  t.true(balanced);
  t.true(applied >= before && applied <= events, `${before} <= ${applied} <= ${events}`);

  // The log from its beginning, and nothing else: what was restored has to be what a server makes of it.
  const replayed = await site(t, { archive: { enabled: false } });
  await cp(join(to, 'journal'), join(replayed.server.dataDir, 'journal'), { recursive: true });
  await replayed.server.start();
  t.deepEqual(atBackup, await answers(replayed));
  await replayed.server.stop();

  // What was sent before the backup is known, what came after it is taken.
  for (let n = 0; n < events; n += 500) {
    const batch = Array.from({ length: Math.min(500, events - n) }, (_, i) => purchase(n + i));
    await sendApplied(restored.server, STREAM, batch);
  }
  t.deepEqual((await answers(restored)).timeseries, whole.timeseries);
  t.is(await archived(restored, events), events);
  await restored.server.stop();
  const verified = await runHeard('segments', 'verify', '--config', configOf(restored));
  t.is(verified.exitCode, 0, verified.err);
});

test('a backup that is cancelled, and one whose server is killed, is none, and the same command begins it anew', async (t) => {
  const here = await site(t);
  await here.server.start();
  await sendApplied(here.server, STREAM, [purchase(1), purchase(2)]);
  const to = join(here.folder, 'backup');
  await begin(here, to);
  const second = await backUp(here, join(here.folder, 'second'));
  t.regex(second.err, /a backup to .+ is being made, and only one is at a time/);
  const { cancelBackup } = await here.server.query<{ cancelBackup: { state: string } }>(
    'mutation { cancelBackup { state } }',
  );
  t.is(cancelBackup.state, 'CANCELLED');
  t.deepEqual(
    (await readdir(to)).filter((name) => name === 'backup.json'),
    [],
  );
  await begin(here, to);
  await here.server.kill();
  // As it would be later on its way.
  await mkdir(join(to, 'journal'), { recursive: true });
  await writeFile(join(to, 'journal', '0000000000000000.journal'), 'SGJ');
  await writeFile(join(to, 'state.dump'), 'SGD');
  const into = join(here.folder, 'restored');
  const refused = await restore(to, into);
  t.is(refused.exitCode, 1);
  t.regex(refused.err, /expected a finished backup in .+ \(backup_invalid\)/);

  await here.server.start();
  const made = await backUp(here, to);
  t.is(made.exitCode, 0, made.err);
  t.deepEqual((await readdir(to)).sort(), ['archive', 'backup.json', 'journal', 'state.dump']);
  const again = await backUp(here, to);
  t.is(again.exitCode, 1);
  t.regex(again.err, /there is a backup already; choose another folder/);
  t.is((await restore(to, into)).exitCode, 0);
});

test('a server that has not opened its archive since it was started backs up the log that it has', async (t) => {
  const here = await site(t, { dedup: { windowIdsMax: 1_000 } });
  const { server } = here;
  await server.start();
  const events = Array.from({ length: 5_000 }, (_, n) => ({
    ...purchase(n),
    note: `${n} `.repeat(150),
  }));
  for (let n = 0; n < events.length; n += 1_000) {
    await sendApplied(server, STREAM, events.slice(n, n + 1_000));
  }
  await archived(here, events.length);
  const firstFile = join(server.dataDir, 'journal', '0000000000000000.journal');
  // The log is shortened every few seconds.
  while (existsSync(firstFile)) await sleep(100);
  await server.stop();
  await server.start();
  const to = join(here.folder, 'backup');
  const made = await backUp(here, to);
  t.is(made.exitCode, 0, made.err);
  const restored = await site(t);
  t.is((await restore(to, restored.server.dataDir)).exitCode, 0);
  await restored.server.start();
  t.like((await answers(restored)).ledger, { applied: events.length, balanced: true });
});

test('an archive elsewhere is not copied, which is said, and a server that is restored does not go on with it', async (t) => {
  const archive = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(archive, { recursive: true }));
  const elsewhere = { archive: { local: { dir: archive } } };
  const here = await site(t, elsewhere);
  await here.server.start();
  await sendApplied(here.server, STREAM, [purchase(1)]);
  await archived(here, 1);
  const to = join(here.folder, 'backup');
  const made = await backUp(here, to);
  t.is(made.exitCode, 0, made.err);
  t.true(made.err.includes(`the archive (file://${archive}) is not in the backup`));
  await sendApplied(here.server, STREAM, [purchase(2)]);
  await archived(here, 2);
  await here.server.stop();

  const restored = await site(t, elsewhere);
  const { out } = await restore(to, restored.server.dataDir);
  t.regex(out, /The archive was not in the backup/);
  await restored.server.start();
  await sendApplied(
    restored.server,
    STREAM,
    Array.from({ length: 300 }, (_, n) => purchase(100 + n)),
  );
  await t.throwsAsync(restored.server.query('mutation { archiveNow { rows } }'));
  t.is((await answers(restored)).ledger.applied, 301);
});

test('when the original is lost, what is restored goes on with its archive, and no position has two events', async (t) => {
  const archive = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(archive, { recursive: true }));
  const here = await site(t, { archive: { local: { dir: archive } } });
  const send = async (from: number, count: number) => {
    await sendApplied(
      here.server,
      STREAM,
      Array.from({ length: count }, (_, n) => purchase(from + n)),
    );
  };
  await here.server.start();
  await send(0, 1_000);
  await archived(here, 1_000);
  await send(1_000, 500);
  const to = join(here.folder, 'backup');
  t.is((await backUp(here, to)).exitCode, 0);
  await send(2_000, 2_000);
  await archived(here, 3_500);
  await here.server.kill();
  await rm(here.server.dataDir, { recursive: true });

  const takeOver = () =>
    runHeard(
      ...['restore', '--from', to, '--data-dir', here.server.dataDir],
      ...['--take-over', '--config', configOf(here)],
    );
  const taken = await takeOver();
  t.is(taken.exitCode, 0, taken.err);
  t.regex(taken.out, /Its log goes on at position \d+, behind everything in file:/);
  for (const from of [5_000, 6_000]) {
    await here.server.start();
    await send(from, 300);
    await here.server.stop();
  }
  await here.server.start();
  const { ledger } = await answers(here);
  t.like(ledger, { applied: 2_100, balanced: true });
  t.is(await archived(here, 4_100), 4_100);
  const beside = await runHeard('segments', 'verify', '--config', configOf(here));
  t.is(beside.exitCode, 0, beside.err);
  t.regex(beside.out, /2000 more in the archive are from beyond the backup/);
  const again = join(here.folder, 'again');
  t.is((await backUp(here, again)).exitCode, 0);
  await here.server.stop();
  const verified = await runHeard('segments', 'verify', '--config', configOf(here));
  t.is(verified.exitCode, 0, verified.err);
  for (const folder of [here.server.dataDir, again]) {
    const inspected = await runHeard('log', 'inspect', '--data-dir', folder);
    t.is(inspected.exitCode, 0, inspected.err);
  }
});
