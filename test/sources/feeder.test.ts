import test from 'ava';
import type { AppendLog } from '../../src/ingest/append-log.ts';
import { Coalescer } from '../../src/ingest/coalescer.ts';
import { Counters } from '../../src/ingest/counters.ts';
import { DEFAULT_DECODE_LIMITS } from '../../src/ingest/decode/limits.ts';
import { Producer } from '../../src/ingest/producer.ts';
import type { LogRefusalCode } from '../../src/ingest/refusal.ts';
import { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { AppError } from '../../src/model/errors.ts';
import { type Offset, offset } from '../../src/model/units.ts';
import { type Chunk, Feeder } from '../../src/sources/feeder.ts';
import { RecordMapper } from '../../src/sources/mapping.ts';
import type { RecordMapping } from '../../src/sources/options.ts';
import { blockColumns, readRows } from '../ingest/decode/rows.ts';
import { silentLogger } from '../ingest/start-edge.ts';
import { batchOf, type Written } from './records.ts';

/** A log that refuses as often as it is told, and keeps the rest. */
class MemoryLog implements AppendLog {
  refusal: LogRefusalCode | undefined;
  refusalsLeft = 0;
  readonly blocks: Block[] = [];

  async append(blocks: readonly Uint8Array[]): Promise<readonly Offset[]> {
    if (this.refusalsLeft > 0) {
      this.refusalsLeft -= 1;
      throw new AppError('log_full', 'no room');
    }
    this.blocks.push(...blocks.map((bytes) => new Block(bytes)));
    return blocks.map((_, i) => offset(i));
  }

  rows(): string[] {
    return this.blocks
      .filter(({ kind }) => kind === BLOCK_KIND.events)
      .flatMap((block) => {
        const rows = readRows(blockColumns(block), block.rows);
        return rows.map((row) => `${block.stream} ${row.get('id:1:role 2')} ${row.get('n:2')}`);
      });
  }
}

const NOW_MS = 1_700_000_000_000;
const MAPPING: RecordMapping = {
  format: 'json',
  tenant: 'default',
  stream: 'events',
  type: 'order',
  key: { record: 'key' },
  id: undefined,
  time: undefined,
  fields: {},
};

function setUp(mapping: Partial<RecordMapping> = {}) {
  const all = { ...MAPPING, ...mapping };
  const log = new MemoryLog();
  const clock = { now: () => NOW_MS };
  const counters = new Counters();
  const coalescer = new Coalescer({
    log,
    clock,
    producer: new Producer({ id: 1, epoch: 1, partitions: 1, clock }),
    partitions: 1,
    decodeLimits: DEFAULT_DECODE_LIMITS,
    counters,
    logger: silentLogger,
  });
  const feeder = new Feeder({
    mapping: all,
    mapper: new RecordMapper(all, 'dead', 1_000),
    coalescer,
    log,
    counters,
    clock,
    logger: silentLogger,
    deadPlace: { tenant: 'default', stream: 'dead' },
  });
  return { feeder, log, counters };
}

const chunkOf = (written: readonly Written[], more: Partial<Chunk> = {}): Chunk => ({
  topic: 'orders',
  topicMark: 'mark',
  partition: 3,
  from: 100,
  records: batchOf(written, { baseOffset: 100 }),
  aborted: [],
  poison: new Set(),
  ...more,
});

const numbered = (n: number) => ({ value: JSON.stringify({ n }) });

test('an event has an id of topic, partition, offset and line, and is durable before that is told', async (t) => {
  const { feeder, log } = setUp();
  const durable = Promise.withResolvers<number>();
  const lines = { value: '[{"n":2},{"n":3}]' };
  await feeder.add(chunkOf([numbered(1), lines]), durable.resolve);
  await durable.promise;
  t.deepEqual(log.rows(), ['events mark.3.2s 1', 'events mark.3.2t 2', 'events mark.3.2t.1 3']);
});

test('records before the wanted offset are passed over', async (t) => {
  const { feeder, log, counters } = setUp();
  await feeder.add(chunkOf([numbered(1), numbered(2), numbered(3)], { from: 102 }), () => {});
  await feeder.drain(1_000);
  t.deepEqual(log.rows(), ['events mark.3.2u 3']);
  t.is(feeder.counts.records, 1);
  t.is(counters.eventsAccepted, 1);
});

test('what the log refuses is brought to it again, with the same ids, and counted once', async (t) => {
  const { feeder, log, counters } = setUp();
  log.refusalsLeft = 2;
  const durable = Promise.withResolvers<number>();
  await feeder.add(chunkOf([numbered(1), numbered(2)]), durable.resolve);
  await durable.promise;
  t.deepEqual(log.rows(), ['events mark.3.2s 1', 'events mark.3.2t 2']);
  t.is(feeder.counts.repeats, 2);
  t.is(feeder.counts.records, 2);
  t.is(counters.eventsAccepted, 2);
});

test('while the log takes nothing there is no room, and what waits can be abandoned', async (t) => {
  const { feeder, log } = setUp();
  log.refusal = 'log_full';
  log.refusalsLeft = 1;
  t.false(feeder.hasRoom);
  await feeder.add(chunkOf([numbered(1)]), () => t.fail('it is not durable'));
  await feeder.drain(10);
  t.deepEqual(log.rows(), []);
  log.refusal = undefined;
  t.true(feeder.hasRoom);
  await feeder.add(chunkOf([numbered(2)]), () => {});
  await feeder.drain(1_000);
  t.deepEqual(log.rows(), ['events mark.3.2s 2']);
});

test('the stream of each event is in a field of its own, line by line', async (t) => {
  const { feeder, log } = setUp({ stream: { field: 'kind' }, format: 'ndjson' });
  const value = '{"kind":"a","n":1}\n{"kind":"b","n":2}\n\n{"n":3}\n{"kind":"a","n":4}';
  await feeder.add(chunkOf([{ value }]), () => {});
  await feeder.drain(1_000);
  t.deepEqual(log.rows().sort(), ['a mark.3.2s 1', 'a mark.3.2s.4 4', 'b mark.3.2s.1 2']);
  const [letters] = log.blocks.filter(({ kind }) => kind === BLOCK_KIND.deadLetters);
  const [row] = letters ? readRows(blockColumns(letters), letters.rows) : [];
  t.is(letters?.stream, 'dead');
  t.is(row?.get('code:1'), 'unmapped_record');
  t.regex(
    String(row?.get('message:1')),
    /"kind" names no stream.*\(topic "orders", partition 3, offset 100\)$/,
  );
});

test('a batch that cannot be read is one dead letter, and those behind it are read', async (t) => {
  const { feeder, log } = setUp();
  const broken = batchOf([numbered(1), numbered(2)], { baseOffset: 100 });
  broken[broken.length - 2] = 0x20;
  const records = Buffer.concat([broken, batchOf([numbered(3)], { baseOffset: 102 })]);
  await feeder.add(chunkOf([numbered(0)], { records }), () => {});
  await feeder.drain(1_000);
  t.deepEqual(log.rows(), ['events mark.3.2u 3']);
  const letters = log.blocks.filter(({ kind }) => kind === BLOCK_KIND.deadLetters);
  t.is(letters.length, 1);
  t.is(feeder.counts.unreadable, 1);
});

test('a record without a value is counted and no event', async (t) => {
  const { feeder, log } = setUp();
  await feeder.add(chunkOf([{}, numbered(1)]), () => {});
  await feeder.drain(1_000);
  t.deepEqual(log.rows(), ['events mark.3.2t 1']);
  t.like(feeder.counts, { records: 2, empty: 1 });
});
