/**
 * The log as a topic of one broker on the same machine:
 * `node load-tests/kafka-bench.ts [--part clients|server]... [--client NAME]... [--seconds 10] [--server 1/1,12/1,12/2] [--save]`.
 *
 * `clients`: blocks appended and read by our writer and reader, and by two libraries' producers and consumers. `server`: how many
 * events a second become durable and applied by a whole server, and how many it folds when it comes back with an empty data
 * folder and reads the topic from its start; `12/2` has twelve partitions on two threads. CPU time is of all threads of the client or server alone, and of the broker.
 */
import { randomFillSync } from 'node:crypto';
import { rmSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Kafka, startKafka } from '../deploy/local/kafka.ts';
import {
  AT,
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  checkBlock,
  sealBlock,
} from '../src/model/block-format.ts';
import { prepareTopic } from '../storage/kafka/kafka-topic.ts';
import { logIdOf } from '../storage/kafka/log-id.ts';
import { Generator } from './generator.ts';
import { KAFKA_CLIENTS, type OpenClient } from './kafka-clients.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { processUsage } from './process-usage.ts';
import { grouped, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { assertNone, differences } from './verify.ts';

interface ClientCase {
  readonly blockBytes: number;
  readonly partitions: number;
  readonly callers: number;
}

interface ClientRun extends ClientCase {
  readonly client: string;
  readonly appendMegabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly appendCpuPerGigabyte: number;
  readonly readMegabytesPerSecond: number;
  readonly readCpuPerGigabyte: number;
}

interface ServerCase {
  readonly partitions: number;
  readonly partitionThreads: number;
}

interface ServerRun extends ServerCase {
  readonly acknowledgedPerSecond: number;
  readonly appliedPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuPerMillion: number;
  readonly brokerCpuPerMillion: number;
  readonly refoldedPerSecond: number;
  readonly refoldCpuPerMillion: number;
}

/** What a busy edge appends: 12 partitions of some hundred events each, and one of some thousand. */
const CLIENT_CASES: readonly ClientCase[] = [
  { blockBytes: 16_384, partitions: 12, callers: 64 },
  { blockBytes: 262_144, partitions: 1, callers: 16 },
];
const BLOCKS = 32;
const WARM_UP_MS = 3_000;
const POLL_MS = 200;
/** Of what is folded anew, the part that is not measured: threads start and compile meanwhile. */
const REFOLD_WARM_UP = 0.1;
const PARTS = ['clients', 'server'];

const { values: options } = parseArgs({
  options: {
    part: { type: 'string', multiple: true, default: PARTS },
    client: { type: 'string', multiple: true, default: Object.keys(KAFKA_CLIENTS) },
    seconds: { type: 'string', default: '10' },
    server: { type: 'string', default: '1/1,12/1,12/2' },
    save: { type: 'boolean', default: false },
  },
});
const seconds = Number(options.seconds);
const folder = scratchFolder('kafka-bench');
const kafka = await startKafka({ dir: folder });
const clients: ClientRun[] = [];
const servers: ServerRun[] = [];
try {
  if (options.part.includes('clients')) {
    for (const one of CLIENT_CASES) {
      for (const [name, open] of Object.entries(KAFKA_CLIENTS)) {
        if (options.client.includes(name)) clients.push(await measureClient(name, open, one));
      }
    }
  }
  if (options.part.includes('server')) {
    for (const one of options.server.split(',')) {
      const [partitions = 1, partitionThreads = 1] = one.split('/').map(Number);
      servers.push(await measureServer(kafka, { partitions, partitionThreads }));
    }
  }
} finally {
  await kafka.stop();
  removeScratch(folder);
}

const text = [
  ...(clients.length === 0 ? [] : [clientsText(clients), '']),
  ...(servers.length === 0 ? [] : [serversText(servers), '']),
  `${seconds} s a run; one broker, one replica, on the cores of whoever is measured.`,
].join('\n');
console.log(text);
if (options.save) console.log(saveResult('kafka', text, { seconds, clients, servers }));
process.exit(0);

async function measureClient(
  client: string,
  open: OpenClient,
  one: ClientCase,
): Promise<ClientRun> {
  const topic = `${client.replace(/\W/g, '-')}-${one.blockBytes}`;
  const connection = { brokers: kafka.addresses };
  const { partitions } = one;
  const prepared = await prepareTopic(connection, { topic, partitions, create: true });
  const id = logIdOf(prepared);
  const log = await open({ connection, topic, id, offsetBase: 0 }, partitions);
  const blocks = Array.from({ length: BLOCKS }, (_, i) =>
    sealedBlock(one.blockBytes, i % partitions),
  );
  const latencies: number[] = [];
  const startCpu = process.cpuUsage();
  const startedAt = performance.now();
  const caller = async (): Promise<void> => {
    while (performance.now() < startedAt + seconds * 1_000) {
      const before = performance.now();
      await log.append(blocks[latencies.length % BLOCKS] as Uint8Array);
      latencies.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: one.callers }, caller));
  const appendSeconds = (performance.now() - startedAt) / 1_000;
  const appendCpu = cpuSecondsSince(startCpu);
  const payload = latencies.length * one.blockBytes;
  const readCpu = process.cpuUsage();
  const readAt = performance.now();
  let bytes = 0;
  await log.read((block) => {
    checkBlock(block);
    bytes += block.length;
    return bytes >= payload;
  });
  const readSeconds = (performance.now() - readAt) / 1_000;
  const readCpuSeconds = cpuSecondsSince(readCpu);
  await log.close();
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  return {
    ...one,
    client,
    appendMegabytesPerSecond: payload / appendSeconds / 1e6,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    appendCpuPerGigabyte: appendCpu / (payload / 1e9),
    readMegabytesPerSecond: payload / readSeconds / 1e6,
    readCpuPerGigabyte: readCpuSeconds / (payload / 1e9),
  };
}

function cpuSecondsSince(start: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6;
}

/** Random, so that nothing below gains from compressing it: how well events compress is another question. */
function sealedBlock(length: number, partition: number): Uint8Array {
  const block = new Uint8Array(length);
  randomFillSync(block);
  block.fill(0, 0, BLOCK_HEADER_BYTES);
  block[AT.kind] = BLOCK_KIND.events;
  new DataView(block.buffer).setUint16(AT.partition, partition, true);
  sealBlock(block);
  return block;
}

async function measureServer(
  { addresses, broker }: Kafka,
  { partitions, partitionThreads }: ServerCase,
): Promise<ServerRun> {
  const topic = `server-${partitions}-${partitionThreads}`;
  const log = { type: 'kafka', kafka: { brokers: [...addresses], topic } };
  const home = scratchFolder('kafka-bench-server');
  const config = { log, partitionThreads };
  const server = await Server.prepare({ folder: home, partitions, config });
  const generator = new Generator();
  try {
    await server.start();
    await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server) });
    await generator.ask({ type: 'resume' });
    await sleep(WARM_UP_MS);
    await generator.ask({ type: 'measure' });
    const appliedBefore = (await server.ledger()).applied;
    const cpuBefore = server.usage().cpuSeconds;
    const brokerBefore = cpuSecondsOf(broker.pid);
    const startedAt = performance.now();
    await sleep(seconds * 1_000);
    const measured = await generator.ask({ type: 'measure' });
    await generator.ask({ type: 'drain' });
    const { applied } = await server.caughtUp();
    const appliedSeconds = (performance.now() - startedAt) / 1_000;
    const { cpuSeconds } = server.usage();
    const brokerCpuSeconds = cpuSecondsOf(broker.pid) - brokerBefore;
    assertNone('answers that this load should not get', measured.unexpected);
    const truth = await generator.ask({ type: 'truth' });
    assertNone('differences between sent and answered', await differences(server, truth));
    generator.close();
    await server.stop();
    const millions = (applied - appliedBefore) / 1e6;
    const refolded = await refold(server, applied);
    assertNone('differences after folding anew', await differences(server, truth));
    return {
      ...{ partitions, partitionThreads },
      acknowledgedPerSecond: measured.events / measured.seconds,
      appliedPerSecond: (millions * 1e6) / appliedSeconds,
      p50Ms: measured.latencyMs.p50,
      p99Ms: measured.latencyMs.p99,
      serverCpuPerMillion: (cpuSeconds - cpuBefore) / millions,
      brokerCpuPerMillion: brokerCpuSeconds / millions,
      ...refolded,
    };
  } finally {
    generator.close();
    await server.kill();
    removeScratch(home);
  }
}

/**
 * The server comes back with nothing but its configuration. Measured from when it had the first tenth; from its start, if it does
 * not answer until later.
 */
async function refold(
  server: Server,
  events: number,
): Promise<Pick<ServerRun, 'refoldedPerSecond' | 'refoldCpuPerMillion'>> {
  rmSync(server.dataDir, { recursive: true });
  const progress = (applied: number) => ({
    applied,
    ms: performance.now(),
    cpuSeconds: server.usage().cpuSeconds,
  });
  const started = server.start();
  let first = progress(0);
  let last = first;
  while (last.applied < events) {
    await sleep(POLL_MS);
    // Not the ledger: that counts what is still pending, in the log.
    const applied = await server.metric('streamgauge_events_applied_total').catch(() => undefined);
    last = progress(applied ?? 0);
    if (applied !== undefined && last.applied < events * REFOLD_WARM_UP) first = last;
  }
  await started;
  const folded = last.applied - first.applied;
  return {
    refoldedPerSecond: (folded / (last.ms - first.ms)) * 1_000,
    refoldCpuPerMillion: ((last.cpuSeconds - first.cpuSeconds) / folded) * 1e6,
  };
}

function cpuSecondsOf(pid: number | undefined): number {
  return processUsage(pid ?? 0)?.cpuSeconds ?? Number.NaN;
}

function clientsText(rows: readonly ClientRun[]): string {
  return table<ClientRun>(
    [
      { title: 'client', cell: (row) => row.client },
      { title: 'block B', cell: (row) => grouped(row.blockBytes) },
      { title: 'partitions', cell: (row) => String(row.partitions) },
      { title: 'callers', cell: (row) => String(row.callers) },
      { title: 'append MB/s', cell: (row) => grouped(row.appendMegabytesPerSecond) },
      { title: 'p50 ms', cell: (row) => row.p50Ms.toFixed(1) },
      { title: 'p99 ms', cell: (row) => row.p99Ms.toFixed(1) },
      { title: 'append CPU s/GB', cell: (row) => row.appendCpuPerGigabyte.toFixed(2) },
      { title: 'read MB/s', cell: (row) => grouped(row.readMegabytesPerSecond) },
      { title: 'read CPU s/GB', cell: (row) => row.readCpuPerGigabyte.toFixed(2) },
    ],
    rows,
  );
}

function serversText(rows: readonly ServerRun[]): string {
  return table<ServerRun>(
    [
      { title: 'partitions', cell: (row) => String(row.partitions) },
      { title: 'on threads', cell: (row) => String(row.partitionThreads) },
      { title: 'durable/s', cell: (row) => grouped(row.acknowledgedPerSecond) },
      { title: 'applied/s', cell: (row) => grouped(row.appliedPerSecond) },
      { title: 'p50 ms', cell: (row) => row.p50Ms.toFixed(1) },
      { title: 'p99 ms', cell: (row) => row.p99Ms.toFixed(1) },
      { title: 'server CPU s/M', cell: (row) => row.serverCpuPerMillion.toFixed(2) },
      { title: 'broker CPU s/M', cell: (row) => row.brokerCpuPerMillion.toFixed(2) },
      { title: 'folded anew/s', cell: (row) => grouped(row.refoldedPerSecond) },
      { title: 'CPU s/M', cell: (row) => row.refoldCpuPerMillion.toFixed(2) },
    ],
    rows,
  );
}
