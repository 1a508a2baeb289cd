/**
 * What a segment costs: `node load-tests/segment-bench.ts [--rows 1000000] [--memory 256] [--save]`. The events are those
 * of the main benchmark, decoded and packed as the server does it; the time of that is not counted.
 *
 * Staging is CPU time of this thread. Sealing is CPU time of the process, of which DuckDB's one thread is nearly all.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { StreamDecoder } from '../src/ingest/decode/decoder.ts';
import { DEFAULT_DECODE_LIMITS } from '../src/ingest/decode/limits.ts';
import { placeRows } from '../src/ingest/placement.ts';
import { Block } from '../src/model/block.ts';
import { BLOCK_KIND } from '../src/model/block-format.ts';
import { packBlock } from '../src/model/block-writer.ts';
import { type Duck, openDuck } from '../storage/segments/duckdb.ts';
import { evolveSchema, Observation } from '../storage/segments/schema-evolution.ts';
import { sealSegment } from '../storage/segments/seal.ts';
import { StageWriter } from '../storage/segments/stage.ts';
import { StampedBody } from './bodies.ts';
import { processUsage } from './process-usage.ts';
import { grouped, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { drawWorkload, STREAM } from './workload.ts';

const EVENTS_PER_SECOND = 500_000;
const START_MS = 1_790_000_000_000;
const EVENTS_PER_BODY = 1_000;
const MEMORY_LOOK_MS = 20;
/** No body is sent twice: repeated values would be compressed as none are in life. */
const WORKLOAD = {
  seed: 1,
  source: 1,
  bodies: Number.POSITIVE_INFINITY,
  eventsPerBody: EVENTS_PER_BODY,
};

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    memory: { type: 'string', default: '256' },
    save: { type: 'boolean', default: false },
  },
});

interface Case {
  readonly name: string;
  readonly partitions: number;
  /** That are packed together, into a block per partition. */
  readonly bodies: number;
  readonly rows: number;
}
const rowsWanted = Number(options.rows);
const CASES: readonly Case[] = [
  { name: '1 partition, blocks of 8,000', partitions: 1, bodies: 8, rows: rowsWanted },
  { name: '12 partitions, blocks of 330', partitions: 12, bodies: 4, rows: rowsWanted / 12 },
];

interface ColumnSize {
  readonly column: string;
  readonly bytesPerEvent: number;
}

interface Outcome extends Case {
  readonly observeMicros: number;
  readonly stageMicros: number;
  readonly sealMicros: number;
  readonly stageBytesPerEvent: number;
  readonly bytesPerEvent: number;
  /** Above what the process had before. */
  readonly sealMemoryBytes: number;
  readonly columns: readonly ColumnSize[];
}

/** Blocks of partition 0 as the edge would make them, until they hold `rows`. */
function* blocksOf({ partitions, bodies: together, rows }: Case): Generator<Block> {
  const bodies = drawWorkload(WORKLOAD);
  const decoder = new StreamDecoder(DEFAULT_DECODE_LIMITS, () => {
    throw new Error('a batch is full');
  });
  const header = { kind: BLOCK_KIND.events, tenant: 'default', stream: STREAM, rejected: 0 };
  const producer = { producerId: 1, producerEpoch: 1, sequence: 1 };
  let nowMs = START_MS;
  for (let made = 0, batch = 0; made < rows; ) {
    for (let i = 0; i < together; i++, batch++) {
      const events = bodies.next().value ?? [];
      const body = new StampedBody(batch, events, 'ndjson', () => new Uint8Array(0));
      body.stamp(batch, Math.floor(nowMs));
      decoder.decode('ndjson', body.bytes, nowMs);
      nowMs += (EVENTS_PER_BODY / EVENTS_PER_SECOND) * 1000;
    }
    const { rows: count, partitionHash } = decoder.batch;
    const placed = placeRows(partitionHash, count, partitions, 0)[0]!;
    const arrival = { partition: 0, arrivalMs: Math.floor(nowMs), received: placed.count };
    const columns = decoder.batch.columns();
    yield new Block(packBlock({ ...header, ...producer, ...arrival }, columns, placed));
    decoder.batch.reset();
    made += placed.count;
  }
}

async function run(scenario: Case, folder: string, duck: Duck): Promise<Outcome> {
  const first = blocksOf(scenario).next().value as Block;
  const nothing = new Observation(first, undefined);
  nothing.add(first);
  const schema = evolveSchema(undefined, nothing);
  const observation = new Observation(first, schema);
  const writer = new StageWriter({ path: join(folder, 'stage.parquet'), schema });
  let observing = 0;
  let staging = 0;
  let offset = 0;
  for (const block of blocksOf(scenario)) {
    const begun = threadMicros();
    observation.add(block);
    const observed = threadMicros();
    writer.add(block, offset, undefined);
    staging += threadMicros() - observed;
    observing += observed - begun;
    offset += block.bytes.length;
  }
  const begun = threadMicros();
  const stage = writer.finish();
  staging += threadMicros() - begun;

  globalThis.gc?.();
  const memory = watchMemory();
  const cpu = process.cpuUsage();
  const path = join(folder, 'segment.parquet');
  const sealed = await sealSegment(duck, stage, schema, path);
  const { user, system } = process.cpuUsage(cpu);
  return {
    ...scenario,
    rows: stage.rows,
    observeMicros: observing / stage.rows,
    stageMicros: staging / stage.rows,
    sealMicros: (user + system) / stage.rows,
    stageBytesPerEvent: stage.bytes / stage.rows,
    bytesPerEvent: sealed.bytes / stage.rows,
    sealMemoryBytes: memory.stop(),
    columns: await columnSizes(duck, path, stage.rows),
  };
}

async function columnSizes(duck: Duck, path: string, rows: number): Promise<ColumnSize[]> {
  const sizes = await duck.rows(
    `SELECT path_in_schema AS name, sum(total_compressed_size)::DOUBLE AS bytes
      FROM parquet_metadata('${path}') GROUP BY name ORDER BY bytes DESC`,
  );
  return sizes.map(({ name, bytes }) => ({
    column: String(name),
    bytesPerEvent: Number(bytes) / rows,
  }));
}

function watchMemory(): { stop: () => number } {
  const rss = () => processUsage(process.pid)?.rssBytes ?? 0;
  const before = rss();
  let most = before;
  const look = () => {
    most = Math.max(most, rss());
  };
  const timer = setInterval(look, MEMORY_LOOK_MS);
  const stop = () => {
    look();
    clearInterval(timer);
    return most - before;
  };
  return { stop };
}

function threadMicros(): number {
  const { user, system } = process.threadCpuUsage();
  return user + system;
}

const folder = scratchFolder('segments');
const duck = await openDuck({
  threads: 1,
  memoryBytesMax: Number(options.memory) * 1e6,
  tempDir: join(folder, 'temp'),
  folders: [folder],
});
const outcomes: Outcome[] = [];
for (const scenario of CASES) {
  await run({ ...scenario, rows: scenario.rows / 10 }, folder, duck); // warms up the compiler
  outcomes.push(await run(scenario, folder, duck));
}
duck.close();
removeScratch(folder);

const costs = table(
  [
    { title: 'case', cell: ({ name }) => name },
    { title: 'rows', cell: ({ rows }) => grouped(rows) },
    { title: 'observing us/event', cell: (o) => o.observeMicros.toFixed(3) },
    { title: 'staging us/event', cell: (o) => o.stageMicros.toFixed(3) },
    { title: 'sealing us/event', cell: (o) => o.sealMicros.toFixed(2) },
    { title: 'staged bytes/event', cell: (o) => o.stageBytesPerEvent.toFixed(1) },
    { title: 'bytes/event', cell: (o) => o.bytesPerEvent.toFixed(1) },
    { title: 'memory of sealing', cell: (o) => megabytes(o.sealMemoryBytes) },
  ],
  outcomes,
);
const sizes = table(
  [
    { title: 'column', cell: ({ column }) => column },
    { title: 'bytes/event', cell: ({ bytesPerEvent }) => bytesPerEvent.toFixed(2) },
  ],
  outcomes[0]?.columns ?? [],
);
const text = `${costs}\n\nBytes by column, ${CASES[0]?.name}:\n\n${sizes}`;
console.log(text);
if (options.save) console.log(saveResult('segments', text, { memory: options.memory, outcomes }));
