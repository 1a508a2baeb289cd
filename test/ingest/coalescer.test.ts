import test from 'ava';
import type { AppendLog } from '../../src/ingest/append-log.ts';
import { Coalescer } from '../../src/ingest/coalescer.ts';
import { Contribution } from '../../src/ingest/contribution.ts';
import { Counters } from '../../src/ingest/counters.ts';
import { DEFAULT_DECODE_LIMITS, type DecodeLimits } from '../../src/ingest/decode/limits.ts';
import { BODY_START, type BodyPlace } from '../../src/ingest/decode/outcome.ts';
import { DEAD_LETTER_BYTES_MAX, OPEN_BATCHES_MAX } from '../../src/ingest/limits.ts';
import { Producer } from '../../src/ingest/producer.ts';
import { Block } from '../../src/model/block.ts';
import { BLOCK_BYTES_MAX, BLOCK_KIND } from '../../src/model/block-format.ts';
import { COLUMN_KIND, ROLE } from '../../src/model/columns.ts';
import { AppError } from '../../src/model/errors.ts';
import { decodePositions } from '../../src/model/positions.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { silentLogger } from './start-edge.ts';

/** A log whose appends wait until the test says that they are durable. */
class HeldLog implements AppendLog {
  readonly refusal = undefined;
  readonly appends: Block[][] = [];
  readonly #held: PromiseWithResolvers<readonly Offset[]>[] = [];
  #end = 1_000;

  append(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    this.appends.push(blocks.map((bytes) => new Block(bytes)));
    const held = Promise.withResolvers<readonly Offset[]>();
    this.#held.push(held);
    return held.promise;
  }

  get waiting(): number {
    return this.#held.length;
  }

  async sync(): Promise<void> {
    const offsets = (this.appends[this.appends.length - this.#held.length] ?? []).map((block) => {
      const start = this.#end;
      this.#end += block.bytes.length;
      return offset(start);
    });
    this.#held.shift()?.resolve(offsets);
    await turn();
  }

  async fail(): Promise<void> {
    this.#held.shift()?.reject(new AppError('log_io', 'the disk is gone'));
    await turn();
  }
}

interface SetUp extends Partial<DecodeLimits> {
  readonly partitions?: number;
  readonly rowsMax?: number;
  readonly lingerLookMs?: number;
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

function setUp({ partitions = 1, rowsMax = 100, lingerLookMs = 1, ...limits }: SetUp = {}) {
  const log = new HeldLog();
  const clock = { now: () => 1_700_000_000_000 };
  const producer = new Producer({ id: 3, epoch: 7, partitions, clock });
  const decodeLimits = { ...DEFAULT_DECODE_LIMITS, batchRowsMax: rowsMax, ...limits };
  const counters = new Counters();
  const coalescer = new Coalescer({
    log,
    clock,
    producer,
    partitions,
    decodeLimits,
    counters,
    logger: silentLogger,
    lingerLookMs,
  });
  /** Adds a request; its entry of the list is filled when it has settled. */
  const post = (stream: string, body: string, wantsRows = false) => {
    const settled: Contribution[] = [];
    const contribution = new Contribution(wantsRows, (one) => settled.push(one));
    const destination = { tenant: 'acme', stream, form: 'ndjson' } as const;
    for (let from: BodyPlace | undefined = BODY_START; from !== undefined; ) {
      from = coalescer.add(destination, Buffer.from(body), contribution, from).rest;
    }
    contribution.end();
    return settled;
  };
  return { log, coalescer, post };
}

const events = (count: number, from = 0) =>
  Array.from({ length: count }, (_, i) => `{"type":"a","id":"${from + i}"}\n`).join('');

test('requests of one turn share a block, those that come during its sync share the next', async (t) => {
  const { log, post } = setUp();
  const first = [post('s', events(2)), post('s', events(3))];
  t.is(log.waiting, 0, 'nothing is sealed before the turn ends');
  await turn();
  t.deepEqual(
    log.appends.map((blocks) => blocks.map(({ rows }) => rows)),
    [[5]],
  );
  const second = [post('s', events(1)), post('s', events(1))];
  await turn();
  t.is(log.appends.length, 1, 'one round at a time');
  t.deepEqual(first.flat(), [], 'not durable, not answered');
  await log.sync();
  t.is(first.flat().length, 2);
  t.deepEqual(
    log.appends[1]?.map(({ rows }) => rows),
    [2],
  );
  t.deepEqual(second.flat(), []);
  await log.sync();
  t.is(second.flat().length, 2);
});

test('a position is where the blocks of its round end', async (t) => {
  const { log, post } = setUp({ partitions: 4 });
  const settled = post('s', events(50));
  await turn();
  await log.sync();
  const blocks = log.appends[0] ?? [];
  let end = 1_000;
  const expected = blocks.map(({ partition, bytes }) => {
    end += bytes.length;
    return [partition, end];
  });
  t.true(expected.length > 1);
  t.deepEqual([...(decodePositions(settled[0]?.position ?? '') ?? [])], expected);
});

test('streams and tenants get blocks of their own, in one append', async (t) => {
  const { log, post } = setUp();
  post('a', events(1));
  post('b', events(2));
  await turn();
  t.deepEqual(
    log.appends[0]?.map(({ tenant, stream, rows }) => ({ tenant, stream, rows })),
    [
      { tenant: 'acme', stream: 'a', rows: 1 },
      { tenant: 'acme', stream: 'b', rows: 2 },
    ],
  );
});

test('a batch that is full is sealed under its request, which waits for every piece', async (t) => {
  const { log, post } = setUp({ rowsMax: 10 });
  const before = post('s', events(4));
  const large = post('s', events(25));
  t.deepEqual(
    log.appends.map((blocks) => blocks.map(({ rows }) => rows)),
    [[10], [10]],
  );
  await log.sync();
  t.is(before.length, 1);
  t.deepEqual(large, []);
  await log.sync();
  t.deepEqual(
    log.appends[2]?.map(({ rows }) => rows),
    [9],
  );
  t.deepEqual(large, []);
  await log.sync();
  t.is(large.length, 1);
  t.is(large[0]?.fault, undefined);
});

test('a request that one piece of fails is failed', async (t) => {
  const { log, post } = setUp({ rowsMax: 10 });
  const large = post('s', events(15));
  await log.fail();
  await log.sync();
  t.is(large[0]?.fault?.code, 'log_io');
});

test('rows of a key always meet in one partition, in their order', async (t) => {
  const { log, post } = setUp({ partitions: 3 });
  const body = Array.from(
    { length: 60 },
    (_, i) => `{"type":"a","key":"k${i % 7}","n":${i}}\n`,
  ).join('');
  post('s', body);
  post('s', body);
  await turn();
  const partitionOf = new Map<string, number>();
  for (const block of log.appends[0] ?? []) {
    const column = block.field('n', COLUMN_KIND.number);
    const numbers = new Float64Array(block.rows);
    if (column !== undefined) block.readNumbers(column, numbers);
    for (const [row, n] of numbers.entries()) {
      const key = `k${n % 7}`;
      t.is(partitionOf.get(key) ?? block.partition, block.partition);
      partitionOf.set(key, block.partition);
      if (row > 0 && n !== 0) t.true(n > (numbers[row - 1] as number) || n < 7);
    }
  }
  t.is(partitionOf.size, 7);
});

test('a request is told the rows that it has in each block', async (t) => {
  const { log, post } = setUp({ partitions: 3 });
  const requests = [post('s', events(20), true), post('s', events(30, 100), true)];
  await turn();
  await log.sync();
  for (const [i, [settled]] of requests.entries()) {
    const ids = (settled?.rows ?? []).flatMap(({ partition, rowFrom, rowTo }) => {
      const block = log.appends[0]?.find((one) => one.partition === partition);
      return idsOf(block as Block).slice(rowFrom, rowTo);
    });
    const expected = Array.from({ length: i === 0 ? 20 : 30 }, (_, n) => String(n + i * 100));
    t.deepEqual(ids.sort(), expected.sort());
  }
});

test('refused lines travel as a block of dead letters and count in its header', async (t) => {
  const { log, post } = setUp();
  const settled = post('s', `${events(1)}{"n":1}\nnonsense\n`);
  await turn();
  await log.sync();
  const [good, bad] = log.appends[0] ?? [];
  t.like(good, { kind: BLOCK_KIND.events, rows: 1, received: 1, rejected: 0 });
  t.like(bad, { kind: BLOCK_KIND.deadLetters, rows: 2, received: 2, rejected: 2, stream: 's' });
  t.deepEqual(stringsOf(bad as Block, 'code'), ['missing_type', 'invalid_json']);
  t.deepEqual(stringsOf(bad as Block, 'raw'), ['{"n":1}', 'nonsense']);
  t.is(settled.length, 1);
});

test('only bad lines are answered when they are durable too', async (t) => {
  const { log, post } = setUp();
  const settled = post('s', 'nonsense\n');
  await turn();
  t.deepEqual(settled, []);
  t.deepEqual(
    log.appends[0]?.map(({ kind }) => kind),
    [BLOCK_KIND.deadLetters],
  );
  await log.sync();
  t.is(settled.length, 1);
});

test('a request without events is over at once and logs nothing', async (t) => {
  const { log, post } = setUp();
  t.is(post('s', '\n\n').length, 1);
  await turn();
  t.is(log.appends.length, 0);
});

test('blocks of a partition are numbered without a gap, whatever they hold', async (t) => {
  const { log, post } = setUp({ partitions: 2 });
  for (let i = 0; i < 5; i++) {
    post('s', `${events(9)}nonsense\n`);
    await turn();
    await log.sync();
  }
  const last = [0, 0];
  for (const { partition, sequence, producerEpoch, producerId } of log.appends.flat()) {
    t.is(sequence, (last[partition] as number) + 1);
    t.deepEqual([producerId, producerEpoch], [3, 7]);
    last[partition] = sequence;
  }
});

test('events without a key take turns over the partitions', async (t) => {
  const { log, post } = setUp({ partitions: 3 });
  for (let i = 0; i < 6; i++) {
    post('s', '{"type":"a"}\n');
    await turn();
    await log.sync();
  }
  t.deepEqual(
    log.appends.flat().map(({ partition }) => partition),
    [0, 1, 2, 0, 1, 2],
  );
});

test('more streams than batches are allowed lose nothing', async (t) => {
  const { log, post } = setUp();
  const streams = Array.from({ length: OPEN_BATCHES_MAX * 2 }, (_, i) => `s${i}`);
  const settled = streams.map((stream) => post(stream, events(1)));
  while (settled.some((one) => one.length === 0)) {
    await turn();
    await log.sync();
  }
  t.deepEqual(
    log.appends
      .flat()
      .map(({ stream }) => stream)
      .sort(),
    [...streams].sort(),
  );
});

test('a bug in the decoder fails the requests of its batch, and the next ones are taken', async (t) => {
  const { log, coalescer, post } = setUp();
  const innocent = post('s', events(1));
  const poisoned: Contribution[] = [];
  const contribution = new Contribution(false, (one) => poisoned.push(one));
  const destination = { tenant: 'acme', stream: 's', form: 'ndjson' } as const;
  const poison = Object.defineProperty(Buffer.from('{}'), 'length', {
    get: () => {
      throw new Error('a bug');
    },
  });
  coalescer.add(destination, poison, contribution);
  contribution.end();
  t.is(innocent[0]?.fault?.code, 'decode_failed');
  t.is(poisoned[0]?.fault?.code, 'decode_failed');
  const after = post('s', events(1));
  await turn();
  await log.sync();
  t.is(after.length, 1);
  t.is(after[0]?.fault, undefined);
});

test('a flood of refused lines is counted in full and kept in part', async (t) => {
  const { log, post } = setUp();
  const frames = 4_000;
  for (let i = 0; i < frames; i++) post('s', 'x\n'.repeat(100));
  await turn();
  const [block] = log.appends[0] ?? [];
  t.is(block?.rejected, frames * 100);
  t.true((block?.rows ?? 0) > 1_000);
  t.true((block?.bytes.length ?? 0) < DEAD_LETTER_BYTES_MAX * 1.1);
  await log.sync();
});

test('a batch that fits into no block fails its requests, and the next ones are taken', async (t) => {
  const { log, coalescer, post } = setUp({ rowsMax: 1_000, batchBytesMax: 4 * BLOCK_BYTES_MAX });
  const long = 'a'.repeat(60_000);
  const distinct = Array.from({ length: 300 }, (_, i) => `{"type":"a","f":"${i}${long}"}\n`);
  const large = post('large', distinct.join(''));
  const small = post('small', events(1));
  await turn();
  await log.sync();
  t.is(large[0]?.fault?.code, 'block_too_large');
  t.is(small[0]?.fault, undefined);
  await coalescer.drained();
});

test('a round lingers no longer than requests come', async (t) => {
  const { log, coalescer, post } = setUp({ rowsMax: 300 });
  post('s', events(290));
  await turn();
  await log.sync();
  const last = post('s', events(10));
  while (log.waiting === 0) await turn();
  await log.sync();
  await coalescer.drained();
  t.is(last.length, 1);
});

test('a round does not linger when all who sent the last rows have sent again', async (t) => {
  const { log, coalescer, post } = setUp({ rowsMax: 300, lingerLookMs: 600_000 });
  post('s', events(200));
  await turn();
  post('s', events(50));
  await log.sync();
  post('s', events(199));
  await turn();
  t.is(log.waiting, 0, 'one row of the 250 may still come');
  post('s', events(1));
  await turn();
  t.is(log.waiting, 1);
  await log.sync();
  await coalescer.drained();
});

test('a round that looks again has read the sockets before', async (t) => {
  const lingerLookMs = 5;
  const { log, coalescer, post } = setUp({ rowsMax: 300, lingerLookMs });
  post('s', events(200));
  await turn();
  post('s', events(10));
  const synced = log.sync();
  // No turn passes until both timers are due: this one behind the look, as sockets are.
  await Promise.resolve();
  const arrival = new Promise<void>((resolve) => {
    setTimeout(() => {
      post('s', events(10));
      resolve();
    }, lingerLookMs);
  });
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4 * lingerLookMs);
  await Promise.all([arrival, synced]);
  await turn();
  t.is(log.waiting, 0, 'rows came between the looks: there may be more');
  while (log.waiting === 0) await turn();
  await log.sync();
  await coalescer.drained();
});

test('draining ends although a round lingers that has nothing left', async (t) => {
  const { log, coalescer, post } = setUp({ rowsMax: 300, lingerLookMs: 1_000 });
  post('s', events(290));
  await turn();
  await log.sync();
  post('s', events(10));
  await turn();
  t.is(log.waiting, 0, 'the next round lingers');
  post('s', `${events(290)}\n`);
  t.is(log.waiting, 1, 'the batch is full');
  const drained = coalescer.drained();
  await log.sync();
  await drained;
  t.is(log.appends.length, 2);
});

test('draining waits for what is open and what is on its way', async (t) => {
  const { log, coalescer, post } = setUp();
  post('s', events(1));
  let isDrained = false;
  const drained = coalescer.drained().then(() => {
    isDrained = true;
  });
  await turn();
  post('s', events(1));
  await log.sync();
  t.false(isDrained);
  await log.sync();
  await drained;
  t.is(log.appends.length, 2);
});

const idsOf = (block: Block): string[] => {
  const column = block.byRole(ROLE.id);
  return column === undefined ? [] : strings(block, column);
};

const stringsOf = (block: Block, name: string): string[] => {
  const column = block.field(name, COLUMN_KIND.string);
  return column === undefined ? [] : strings(block, column);
};

function strings(block: Block, column: Parameters<Block['entries']>[0]): string[] {
  const codes = new Uint32Array(block.rows);
  block.readCodes(column, codes);
  const { offsets, bytes } = block.entries(column);
  return [...codes].map((code) =>
    Buffer.from(bytes.subarray(offsets[code - 1], offsets[code])).toString(),
  );
}
