/** The staged tail of a stream, over a log in memory: whatever is asked when, its rows are those of the log. */
import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { chunkSources, tableOf } from '../../../actors/cold/sources.ts';
import { release, Tail } from '../../../actors/cold/tail.ts';
import { ownVoucher, type Vouched } from '../../../actors/partition/voucher.ts';
import { AppError } from '../../../src/model/errors.ts';
import { type Offset, offset } from '../../../src/model/units.ts';
import type { LoggedBlock, LogReader } from '../../../storage/log/log.ts';
import type { StateReader } from '../../../storage/state/state.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';
import { openWorkshop } from '../../storage/segments/read-segment.ts';

const PARTITIONS = 3;
const OF = { tenant: 'default', stream: 'shop' };
/** Nothing was dropped. */
const state: StateReader = { getMany: async () => [], page: async () => [] };

class Log {
  readonly blocks: LoggedBlock[] = [];
  readonly #ours = new Set<number>();
  end = 0;

  append(partition: number, rows: number, stream = OF.stream): void {
    const at = this.end;
    const events = Array.from({ length: rows }, (_, i) => ({ id: `${at}.${i}`, ts: at + i, n: i }));
    const { bytes } = eventBlock(events, { arrivalMs: 1_700_000_000_000, partition, stream });
    if (stream === OF.stream) this.#ours.add(at);
    this.end += bytes.length;
    this.blocks.push({ partition, offset: offset(at), nextOffset: offset(this.end), bytes });
  }

  /** Positions of all partitions at a place of the log. */
  at(position: number): ReadonlyMap<number, Offset> {
    return new Map(Array.from({ length: PARTITIONS }, (_, p) => [p, offset(position)]));
  }

  open = (from: ReadonlyMap<number, Offset>): LogReader => ({
    read: async () => ({
      blocks: this.blocks.filter(
        ({ partition, offset: at }) => at >= (from.get(partition) ?? this.end),
      ),
      readTo: () => offset(this.end),
    }),
    seek: () => {},
    release: () => {},
    close: () => {},
  });

  /** Offsets of the stream's blocks in the stretch, as texts in the order of texts. */
  offsets(from: number, to: number): string[] {
    return [...this.#ours]
      .filter((at) => at >= from && at < to)
      .map(String)
      .sort();
  }
}

async function scene(t: ExecutionContext, bytesMax = 2 ** 30, voucher = ownVoucher) {
  const { folder, duck } = await openWorkshop(t);
  const log = new Log();
  let files = 0;
  const newPath = () => join(folder, `chunk-${files++}.parquet`);
  const tools = { openReader: log.open, state, voucher, newPath, bytesMax };
  const tail = new Tail(OF, tools);
  /** Offsets of the blocks whose rows are there, checked to be whole. */
  const seen = async (archived: number): Promise<string[]> => {
    const { schema, chunks } = tail;
    if (schema === undefined) return [];
    const sources = chunkSources({ ...OF, schema, chunks, files: [], archived: log.at(archived) });
    const rows = await duck.rows(
      `SELECT _position::VARCHAR AS at, count(*)::INTEGER AS n, count(DISTINCT id)::INTEGER AS ids
        FROM (${tableOf(schema, sources)}) GROUP BY 1 ORDER BY 1`,
    );
    for (const { n, ids } of rows) t.deepEqual([n, ids], [10, 10]);
    return rows.map(({ at }) => String(at));
  };
  const staged = async () => (await readdir(folder)).filter((name) => name.startsWith('chunk-'));
  return { log, tail, seen, staged };
}

test('questions at any time see what is committed and not archived, each row once, in few chunks', async (t) => {
  const { log, tail, seen, staged } = await scene(t);
  let archived = 0;
  for (let n = 0; n < 60; n++) {
    log.append(n % PARTITIONS, 10);
    if (n % 4 === 0) log.append(0, 5, 'other');
    // Now and then the archive has come up to some block before the end.
    if (n % 13 === 12) archived = Number(log.blocks.at(-(n % 5) - 1)?.offset);
    await tail.extend({ from: log.at(archived), to: log.at(log.end) }, undefined);
    t.deepEqual(await seen(archived), log.offsets(archived, log.end), `after ${n} blocks`);
    t.true(tail.chunks.length <= 6, `${tail.chunks.length} chunks`);
    t.is((await staged()).length, tail.chunks.length);
  }
});

test('a chunk that somebody reads stays until it is released', async (t) => {
  const { log, tail } = await scene(t);
  log.append(0, 10);
  await tail.extend({ from: log.at(0), to: log.at(log.end) }, undefined);
  const [chunk] = tail.chunks;
  if (chunk === undefined) return t.fail('expected a chunk');
  chunk.readers += 1;
  await tail.extend({ from: log.at(log.end), to: log.at(log.end) }, undefined);
  t.deepEqual(tail.chunks, []);
  t.true(existsSync(chunk.file.path));
  release(chunk);
  t.false(existsSync(chunk.file.path));
});

test('a schema of the archive that has grown names the columns of what is staged anew', async (t) => {
  const { log, tail } = await scene(t);
  log.append(0, 10);
  const stretch = () => ({ from: log.at(0), to: log.at(log.end) });
  await tail.extend(stretch(), undefined);
  t.deepEqual(
    tail.schema?.columns.map(({ name }) => name),
    ['n'],
  );
  const columns = [{ name: 'n_2', field: 'n', kind: 2 as const }];
  await tail.extend(stretch(), { ...OF, version: 1, columns });
  t.deepEqual(tail.schema?.columns, columns);
  t.true(tail.chunks.every(({ file }) => file.columns.includes('n_2')));
});

test('a tail past its bound is refused, and leaves nothing behind', async (t) => {
  const { log, tail, staged } = await scene(t, 1_000);
  for (let n = 0; n < 10; n++) log.append(0, 10);
  await t.throwsAsync(tail.extend({ from: log.at(0), to: log.at(log.end) }, undefined), {
    code: 'query_overload',
  });
  t.deepEqual(await staged(), []);
});

test('what was read of a partition that moved meanwhile is not kept, and a partition on its way is waited for', async (t) => {
  const vouched: Vouched = { partitions: new Set(), fault: undefined, holds: async () => true };
  const away = new AppError('partition_elsewhere', 'on its way');
  const answers: Vouched[] = [
    { ...vouched, holds: async () => false },
    { ...vouched, fault: away },
    vouched,
  ];
  const asked: number[][] = [];
  const { log, tail, seen, staged } = await scene(t, 2 ** 30, {
    async vouch(to) {
      asked.push([...to.keys()]);
      return answers.shift() as Vouched;
    },
  });
  log.append(1, 10);
  const stretch = { from: log.at(0), to: log.at(log.end) };
  await t.throwsAsync(tail.extend(stretch, undefined), { code: 'partition_elsewhere' });
  t.deepEqual(await staged(), []);
  await tail.extend(stretch, undefined);
  t.deepEqual(await seen(0), log.offsets(0, log.end));
  t.deepEqual(asked, [
    [0, 1, 2],
    [0, 1, 2],
    [0, 1, 2],
  ]);
});
