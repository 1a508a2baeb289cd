/** SQL over the streams of two tenants of a running server. */
import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { hashSecret, SECRET_PREFIX } from '../../../src/model/access.ts';
import { EXHAUSTING, FORBIDDEN, type Hostile } from './hostile-sql.ts';
import { archive, ask, openSite, type Site, send, sql } from './site.ts';

const KEYS = {
  alice: SECRET_PREFIX + 'a'.repeat(43),
  mallory: SECRET_PREFIX + 'm'.repeat(43),
};
const START_MS = 1_790_000_000_000;
let here: Site;

test.before(async () => {
  here = await openSite({
    keys: Object.entries(KEYS).map(([tenant, secret]) => ({
      id: tenant,
      tenant,
      scopes: ['read', 'write', 'admin'],
      hash: `sha256:${hashSecret(secret)}`,
    })),
  });
  const secret = [{ id: 's1', type: 'secret', ts: START_MS }];
  const position = await send(here, 'secret', secret, KEYS.alice);
  await archive(here, position, KEYS.alice);
});
test.after.always(() => here?.close());

const purchase = (n: number) => ({
  id: `p${n}`,
  type: n % 2 === 0 ? 'buy' : 'look',
  ts: START_MS + n * 1_000,
  user: `u${n % 10}`,
  amount: n / 4,
});
const purchases = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => purchase(from + i));

test.serial(
  'a statement counts each event once, archived or not, of frequent and rare fields',
  async (t) => {
    const first = await send(here, 'mine', purchases(0, 200), KEYS.mallory);
    await archive(here, first, KEYS.mallory);
    const rest = [...purchases(150, 300), { ...purchase(300), seldom: 'yes', 'odd name': 4 }];
    const position = await send(here, 'mine', rest, KEYS.mallory);
    const answer = await sql(
      here,
      `WITH hourly AS (SELECT type, date_trunc('hour', ts) AS h, amount, more FROM mine)
     SELECT type, count(*) AS n, sum(amount) AS total, count(more['seldom']) AS rare,
       count(more['odd name']) AS odd FROM hourly GROUP BY type ORDER BY type`,
      { position },
      KEYS.mallory,
    );
    t.deepEqual(answer.columns, [
      { name: 'type', type: 'VARCHAR' },
      { name: 'n', type: 'BIGINT' },
      { name: 'total', type: 'DOUBLE' },
      { name: 'rare', type: 'BIGINT' },
      { name: 'odd', type: 'BIGINT' },
    ]);
    const total = (odd: number) =>
      purchases(0, 301).reduce((sum, { amount }, n) => sum + (n % 2 === odd ? amount : 0), 0);
    t.deepEqual(answer.rows, [
      ['buy', 151, total(0), 1, 1],
      ['look', 150, total(1), 0, 0],
    ]);
  },
);

test.serial('streams are joined, and seen under their own tenant only', async (t) => {
  const users = [{ id: 'n1', type: 'named', user: 'u1', name: 'Ann' }];
  const position = await send(here, 'user-names', users, KEYS.mallory);
  const joined = `SELECT name, count(*) AS n FROM mine JOIN "user-names" USING (user) GROUP BY name`;
  t.deepEqual((await sql(here, joined, { position }, KEYS.mallory)).rows, [['Ann', 30]]);
  t.deepEqual((await sql(here, 'SELECT id FROM secret', {}, KEYS.alice)).rows, [['s1']]);
  await t.throwsAsync(sql(here, 'SELECT id FROM secret', {}, KEYS.mallory), {
    message: /no events of a stream "secret" are known; archived are: "mine"/,
  });
});

test.serial(
  'an answer has the rows that were asked for, and says that there are more',
  async (t) => {
    const { rows, truncated } = await sql(here, 'FROM mine', { limit: 7 }, KEYS.mallory);
    t.deepEqual([rows.length, truncated], [7, true]);
    await t.throwsAsync(sql(here, 'FROM mine', { limit: 10_001 }, KEYS.mallory), {
      message: /must be 1 to 10000/,
    });
  },
);

test.serial('a mistake is told with its place', async (t) => {
  const told = async (statement: string, message: RegExp) => {
    await t.throwsAsync(sql(here, statement, {}, KEYS.mallory), { message });
  };
  await told('SELECT amuont FROM mine', /"amuont" not found[\s\S]*amount[\s\S]*\^/);
  await told('SELECT * FORM mine', /syntax error.*at character 15/);
  await told('SELECT type::INT FROM mine', /Could not convert string/);
});

test.serial('what is forbidden is refused with the reason', async (t) => {
  for (const { sql: statement, says } of FORBIDDEN) {
    const shown = statement.slice(0, 100);
    await t.throwsAsync(sql(here, statement, {}, KEYS.mallory), { message: says }, shown);
  }
});

test.serial('what takes too much is stopped, while events are taken in', async (t) => {
  t.timeout(120_000);
  const busy = await openSite({ cold: { timeoutMs: 1_500, memoryBytesMax: '96 MiB' } });
  t.teardown(() => busy.close());
  const { pid } = busy.server;
  const left = [...EXHAUSTING];
  const stopped = async ({ sql: statement, says }: Hostile) => {
    await t.throwsAsync(sql(busy, statement), { message: says }, statement);
  };
  const askOn = async () => {
    for (let next = left.pop(); next !== undefined; next = left.pop()) await stopped(next);
  };
  const asked = Promise.all([askOn(), askOn()]);
  let isOver = false;
  const over = asked.finally(() => {
    isOver = true;
  });
  let sent = 0;
  for (; !isOver; sent++) await send(busy, 'meanwhile', [{ id: `e${sent}`, type: 'x' }]);
  await over;
  const { ledger } = await ask<{ ledger: { applied: number } }>(
    busy,
    '{ ledger(stream: "meanwhile") { applied } }',
    {},
  );
  t.is(ledger.applied, sent);
  t.is(busy.server.pid, pid);

  const endless = sql(busy, 'SELECT count(*) FROM range(1000000) a, range(1000000) b');
  const lost = t.throwsAsync(endless);
  let children: string[] = [];
  for (; children.length === 0; children = childrenOf(pid)) await sleep(20);
  await busy.server.kill();
  await lost;
  // Each hears of it by its channel, whatever it is at.
  while (children.some(isRunning)) await sleep(20);
  t.pass('no process outlives a killed server');
});

function childrenOf(pid: number): string[] {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' });
  return stdout.split(/\s+/).filter((text) => text !== '');
}

/** One that has ended and that nobody has asked about is not. */
function isRunning(pid: string): boolean {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', pid], { encoding: 'utf8' });
  return /^[^Z\s]/.test(stdout);
}
