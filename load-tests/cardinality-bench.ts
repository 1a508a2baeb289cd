/**
 * What a label with millions of different values does to a server, and to the rollups beside it:
 * `node load-tests/cardinality-bench.ts [--values 5000000] [--pace 100000] [--load 50000] [--partitions 2] [--save]`.
 *
 * Twice the same: `--values` events to a rollup of one dimension, `--pace` a second, while the usual events come to another at `--load` a second and
 * a question about that is asked five times a second. Once the dimension has a thousand values, once each event has its own. The server, the
 * generator and the asker share the machine; each time server and data are new.
 */
import { ok as assert } from 'node:assert';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { openState } from '../storage/state/rocksdb.ts';
import { scan } from '../storage/state/state.ts';
import { Latencies } from './generator/latencies.ts';
import { Generator } from './generator.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { postEvents } from './post-events.ts';
import { type Column, grouped, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { STREAM } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    values: { type: 'string', default: '5000000' },
    pace: { type: 'string', default: '100000' },
    load: { type: 'string', default: '50000' },
    partitions: { type: 'string', default: '2' },
    save: { type: 'boolean', default: false },
  },
});
const events = Number(options.values);
const partitions = Number(options.partitions);
const FEW_VALUES = 1_000;
const EVENTS_PER_BODY = 5_000;
const WARM_UP_MS = 3_000;
const ASK_EVERY_MS = 200;
const RETRY_MS = 50;
const LABELLED = 'labelled';
const OVERFLOW_LOGGED = 'a rollup has more series than it may';

const CONFIG = {
  rollups: [
    {
      name: 'by_type_country',
      stream: STREAM,
      dimensions: ['type', 'country'],
      measures: ['count'],
    },
    { name: 'by_label', stream: LABELLED, dimensions: ['label'], measures: ['count'] },
  ],
};
const QUESTION = `{ timeseries(stream: "${STREAM}", last: "15m", step: "10s", groupBy: ["type"]) { series { points { t values { value } } } } }`;
const COUNTED = `{ timeseries(stream: "${LABELLED}", last: "1h", step: "1h") { series { points { values { value } } } } }`;

interface Run {
  readonly values: number;
  readonly labelledPerSecond: number;
  readonly otherPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly rssBytes: { readonly before: number; readonly after: number; readonly peak: number };
  readonly commitBytesMax: number;
  readonly series: number;
  readonly overflowEvents: number;
  readonly stateRows: number;
  /** As the server's log names them; undefined if it names none. */
  readonly offender: string | undefined;
}

const COLUMNS: readonly Column<Run>[] = [
  { title: 'different values', cell: ({ values }) => grouped(values) },
  { title: 'its events/s', cell: (run) => grouped(run.labelledPerSecond) },
  { title: 'other events/s', cell: (run) => grouped(run.otherPerSecond) },
  { title: 'other p50, ms', cell: ({ p50Ms }) => p50Ms.toFixed(1) },
  { title: 'other p99', cell: ({ p99Ms }) => p99Ms.toFixed(1) },
  { title: 'RSS before', cell: ({ rssBytes }) => megabytes(rssBytes.before) },
  { title: 'RSS after', cell: ({ rssBytes }) => megabytes(rssBytes.after) },
  { title: 'peak', cell: ({ rssBytes }) => megabytes(rssBytes.peak) },
  { title: 'greatest commit', cell: (run) => `${(run.commitBytesMax / 1e6).toFixed(1)} MB` },
  { title: 'series', cell: ({ series }) => grouped(series) },
  { title: 'overflow', cell: ({ overflowEvents }) => grouped(overflowEvents) },
  { title: 'rows in the state', cell: ({ stateRows }) => grouped(stateRows) },
];

const runs = [await measure(FEW_VALUES), await measure(events)];
const text = [
  table(COLUMNS, runs),
  '',
  `${grouped(events)} events of ${partitions} partitions, each rollup with at most 10,000 series in each. What the log names: ${runs.map(({ offender }) => offender ?? 'nothing').join('; ')}.`,
].join('\n');
process.stdout.write(`${text}\n`);
if (options.save) saveResult('cardinality', text, { partitions, events, runs });
process.exit(0);

async function measure(values: number): Promise<Run> {
  const folder = scratchFolder('cardinality');
  const server = await Server.prepare({ folder, partitions, config: CONFIG });
  const generator = new Generator();
  try {
    await server.start();
    const pace = { eventsPerSecond: Number(options.load) };
    await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server, pace) });
    await generator.ask({ type: 'resume' });
    await sleep(WARM_UP_MS);
    const before = server.usage().rssBytes;
    await generator.ask({ type: 'measure' });
    const beganMs = performance.now();
    const stop = new AbortController();
    const asking = askSteadily(server, stop.signal);
    await sendLabelled(server, values);
    const seconds = (performance.now() - beganMs) / 1_000;
    const other = await generator.ask({ type: 'measure' });
    stop.abort();
    const latencies = await asking;
    await generator.ask({ type: 'drain' });
    await server.caughtUp();
    await allCounted(server);
    const { rssBytes: after, peakRssBytes: peak } = server.usage();
    const run = {
      values,
      labelledPerSecond: events / seconds,
      otherPerSecond: other.events / other.seconds,
      p50Ms: latencies.quantileMs(0.5),
      p99Ms: latencies.quantileMs(0.99),
      rssBytes: { before, after, peak },
      commitBytesMax: Math.max(...(await server.samples('streamgauge_commit_bytes_max'))),
      series: await server.metric('streamgauge_series'),
      overflowEvents: await server.metric('streamgauge_series_overflow_events_total'),
      offender: offenderIn(server.log()),
    };
    await server.stop();
    return { ...run, stateRows: await rowsIn(join(server.dataDir, 'state')) };
  } finally {
    generator.close();
    await server.kill();
    removeScratch(folder);
  }
}

/** Evenly over as long as the pace says, or as fast as the server takes them. */
async function sendLabelled(server: Server, values: number): Promise<void> {
  const beganMs = performance.now();
  for (let from = 0; from < events; from += EVENTS_PER_BODY) {
    const dueMs = beganMs + (from / Number(options.pace)) * 1_000;
    await sleep(Math.max(0, dueMs - performance.now()));
    let body = '';
    for (let i = from; i < Math.min(events, from + EVENTS_PER_BODY); i++) {
      body += `{"type":"t","label":"value-${String(i % values).padStart(8, '0')}"}\n`;
    }
    await postEvents(server, LABELLED, body, { retryMs: RETRY_MS });
  }
}

/** Every event counts, under its label or in the overflow. */
async function allCounted(server: Server): Promise<void> {
  const { ledger } = await server.query<{ ledger: { applied: number; pending: number } }>(
    `{ ledger(stream: "${LABELLED}") { applied pending } }`,
  );
  assert(ledger.applied === events, `expected ${events} events, received ${ledger.applied}`);
  const { timeseries } = await server.query<{
    timeseries: {
      series: readonly { points: readonly { values: readonly { value: number }[] }[] }[];
    };
  }>(COUNTED);
  const points = timeseries.series.flatMap((each) => each.points);
  const counted = points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
  assert(counted === events, `expected ${events} events in the rollup, received ${counted}`);
}

async function askSteadily(server: Server, stop: AbortSignal): Promise<Latencies> {
  const latencies = new Latencies();
  const beganMs = performance.now();
  const open: Promise<void>[] = [];
  for (let i = 0; !stop.aborted; i++) {
    const askedMs = performance.now();
    open.push(server.query(QUESTION).then(() => latencies.addMs(performance.now() - askedMs)));
    await sleep(Math.max(0, beganMs + (i + 1) * ASK_EVERY_MS - performance.now()));
  }
  await Promise.all(open);
  return latencies;
}

function offenderIn(log: string): string | undefined {
  const line = log.split('\n').find((each) => each.includes(OVERFLOW_LOGGED));
  return line?.slice(line.indexOf('"rollup"'), line.indexOf('"msg"') - 1);
}

async function rowsIn(dir: string): Promise<number> {
  const state = await openState({ dir, partitions });
  try {
    let rows = 0;
    const all = { from: new Uint8Array(), to: new Uint8Array(16).fill(0xff) };
    for await (const _ of scan(state, all)) rows++;
    return rows;
  } finally {
    await state.close();
  }
}
