/**
 * A topic that another program has filled, read as events: `node load-tests/source-bench.ts [--events 2000000] [--partitions 6]
 * [--runs 3] [--compression zstd] [--save]`. One JSON event of about 200 bytes a record, without an id, through decoder, log and aggregates of a whole
 * server; beside what the client library's own consumer takes in from the same topic in the same run, and does nothing with.
 * The broker is on the same cores.
 */
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Admin, type CompressionAlgorithmValue, Consumer, Producer } from '@platformatic/kafka';
import { type Kafka, startKafka } from '../deploy/local/kafka.ts';
import { grouped, median, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { drawWorkload, STREAM } from './workload.ts';

interface Run {
  readonly barePerSecond: number;
  readonly perSecond: number;
  readonly cpuPerMillion: number;
  readonly peakBytes: number;
}

const TOPIC = 'foreign';
const BATCH = 1_000;
/** Written over and over: what is in them repeats, where they lie does not. */
const DRAWN = 65_536;
const POLL_MS = 20;
/** Of what is read, the part that is not measured: threads start and compile meanwhile. */
const WARM_UP = 0.1;

const { values: options } = parseArgs({
  options: {
    events: { type: 'string', default: '2000000' },
    partitions: { type: 'string', default: '6' },
    runs: { type: 'string', default: '3' },
    compression: { type: 'string', default: 'none' },
    save: { type: 'boolean', default: false },
  },
});
const events = Number(options.events);
const partitions = Number(options.partitions);
const compression = options.compression as CompressionAlgorithmValue;

const folder = scratchFolder('source-bench');
const kafka = await startKafka({ dir: folder });
const runs: Run[] = [];
let bytes = 0;
try {
  bytes = await fill(kafka);
  for (let run = 0; run < Number(options.runs); run++) runs.push(await measure(kafka, run));
} finally {
  await kafka.stop();
  removeScratch(folder);
}

const share = median(runs.map(({ perSecond, barePerSecond }) => perSecond / barePerSecond));
const text = [
  table<Run>(
    [
      { title: 'client alone, records/s', cell: (run) => grouped(run.barePerSecond) },
      { title: 'durable and applied, events/s', cell: (run) => grouped(run.perSecond) },
      { title: 'of it', cell: (run) => (run.perSecond / run.barePerSecond).toFixed(2) },
      { title: "server's CPU s per million", cell: (run) => run.cpuPerMillion.toFixed(2) },
      { title: 'peak RSS, MB', cell: (run) => grouped(run.peakBytes / 1e6) },
    ],
    runs,
  ),
  '',
  `Median ${share.toFixed(2)} of what the client alone takes in. ${grouped(events)} records of ${Math.round(bytes / events)} bytes in ${partitions} partitions, compression ${compression}.`,
].join('\n');
console.log(text);
if (options.save)
  console.log(saveResult('source', text, { events, partitions, compression, runs }));
process.exit(0);

/** Answers the bytes of all values. */
async function fill({ addresses }: Kafka): Promise<number> {
  const admin = new Admin({ clientId: 'bench', bootstrapBrokers: [...addresses] });
  await admin.createTopics({ topics: [TOPIC], partitions, replicas: 1 });
  await admin.close();
  const [drawn = []] = drawWorkload({ seed: 1, source: 1, bodies: 1, eventsPerBody: DRAWN });
  const values = drawn.map(({ fields: { id: _, ts: __, ...fields } }) =>
    Buffer.from(JSON.stringify(fields)),
  );
  const producer = new Producer({
    clientId: 'bench',
    bootstrapBrokers: [...addresses],
    idempotent: true,
    compression,
  });
  let written = 0;
  for (let at = 0; at < events; at += BATCH) {
    const messages = Array.from({ length: Math.min(BATCH, events - at) }, (_, i) => {
      const value = values[(at + i) % values.length] as Buffer;
      written += value.length;
      return { topic: TOPIC, partition: (at / BATCH) % partitions, value };
    });
    await producer.send({ messages });
  }
  await producer.close();
  return written;
}

async function measure(kafka: Kafka, run: number): Promise<Run> {
  const barePerSecond = await consume(kafka, `bare-${run}`);
  const server = await Server.prepare({
    folder: `${folder}/server-${run}`,
    partitions: 1,
    config: {
      archive: { enabled: false },
      sources: [
        {
          name: 'bench',
          brokers: kafka.addresses,
          topics: [TOPIC],
          group: `server-${run}`,
          stream: STREAM,
        },
      ],
    },
  });
  await server.start();
  try {
    const warm = await reached(server, events * WARM_UP);
    const startCpu = server.usage().cpuSeconds;
    const startedAt = performance.now();
    const applied = (await reached(server, events)) - warm;
    const seconds = (performance.now() - startedAt) / 1_000;
    const { cpuSeconds, peakRssBytes } = server.usage();
    return {
      barePerSecond,
      perSecond: applied / seconds,
      cpuPerMillion: ((cpuSeconds - startCpu) * 1e6) / applied,
      peakBytes: peakRssBytes,
    };
  } finally {
    await server.stop();
  }
}

/** What the client's own stream hands out, from its first record on. */
async function consume({ addresses }: Kafka, groupId: string): Promise<number> {
  const consumer = new Consumer({ clientId: 'bench', bootstrapBrokers: [...addresses], groupId });
  const stream = await consumer.consume({
    topics: [TOPIC],
    mode: 'earliest',
    autocommit: false,
    maxBytes: 4 * 2 ** 20,
  });
  let seen = 0;
  let startedAt = 0;
  const warm = events * WARM_UP;
  await new Promise<void>((resolve, reject) => {
    stream.on('error', reject);
    stream.on('data', () => {
      seen += 1;
      if (seen === warm) startedAt = performance.now();
      if (seen === events) resolve();
    });
  });
  const seconds = (performance.now() - startedAt) / 1_000;
  await stream.close();
  await consumer.close();
  return (events - warm) / seconds;
}

/** Resolves with how many events are applied once at least so many are. */
async function reached(server: Server, wanted: number): Promise<number> {
  for (;;) {
    const applied = await server.metric('streamgauge_events_applied_total');
    if (applied >= wanted) return applied;
    await sleep(POLL_MS);
  }
}
