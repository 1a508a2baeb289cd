import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Sealer } from '../../src/threads/sealer-process.ts';
import type { DuckOptions } from '../../storage/segments/duckdb.ts';

function scene(t: ExecutionContext): { sealer: Sealer; options: DuckOptions } {
  const dir = mkdtempSync('/tmp/streamgauge-sealer-');
  const sealer = new Sealer();
  t.teardown(async () => {
    await sealer.close();
    rmSync(dir, { recursive: true, force: true });
  });
  const tempDir = join(dir, 'duckdb');
  return { sealer, options: { threads: 1, memoryBytesMax: 2 ** 27, tempDir, folders: [dir] } };
}

const children = (): number[] =>
  readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);

/** Field 19 of proc(5)'s stat. */
const niceOf = (pid: number): number =>
  Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[16]);

test.serial('statements run in a process that comes after the server', async (t) => {
  const { sealer, options } = scene(t);
  const before = children();
  const duck = await sealer.open(options);
  t.deepEqual(await duck.rows('SELECT 7::BIGINT AS seven, NULL AS none'), [
    { seven: 7n, none: null },
  ]);
  const [pid = 0] = children().filter((child) => !before.includes(child));
  t.is(niceOf(pid), constants.priority.PRIORITY_BELOW_NORMAL);
  duck.close();
});

test.serial(
  'a process that is killed fails the statement, and the next one has another',
  async (t) => {
    const { sealer, options } = scene(t);
    const before = children();
    const duck = await sealer.open(options);
    const [pid = 0] = children().filter((child) => !before.includes(child));
    const counting = duck.rows('SELECT sum(hash(range)) AS sum FROM range(100000000000)');
    process.kill(pid, 'SIGKILL');
    await t.throwsAsync(counting, { code: 'segment_failed' });
    duck.close();
    const next = await sealer.open(options);
    t.deepEqual(await next.rows('SELECT 1 AS one'), [{ one: 1 }]);
    next.close();
  },
);

test.serial('a statement that is interrupted rejects, and its database closes', async (t) => {
  const { sealer, options } = scene(t);
  const duck = await sealer.open(options);
  const counting = duck.rows('SELECT sum(hash(range)) AS sum FROM range(100000000000)');
  const interrupting = setInterval(() => duck.interrupt(), 20);
  await t.throwsAsync(counting, { message: /Interrupted/i });
  clearInterval(interrupting);
  duck.close();
});
