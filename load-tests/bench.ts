/**
 * `npm run bench`: how many events a second become durable and applied, on a machine that the generator shares.
 *
 *   node load-tests/bench.ts [--seconds 10] [--case NAME]... [--partitions 1,12] [--runs 3] [--connections N]
 *     [--profile] [--save]
 *
 * Each run has a server and a data folder of its own, is warmed up, measured, drained and then checked:
 * counts and sums per type and minute, quantiles, distinct users and the ledger must be what was sent. The case `alarms`
 * measures what judging costs and how soon a webhook tells (`alarm-bench.ts` is that alone), `idle` the memory of a server that
 * nobody uses. Beside `single` stands what a server that keeps nothing takes of it (`bare-server.ts`), measured right after each run.
 */
import { ok as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { costText, measureCost } from './alarm-cost.ts';
import { latencyText, measureLatency } from './alarm-latency.ts';
import { type Ceiling, measureCeiling } from './bare-server.ts';
import { Generator } from './generator.ts';
import { LOAD_CASES, type LoadCase, loadOptions, MAIN_CASE } from './load-case.ts';
import { bytesOnDisk } from './process-usage.ts';
import { PROFILE_ARGS, summariseProfiles } from './profile.ts';
import {
  describeMachine,
  grouped,
  medianRun,
  megabytes,
  percent,
  saveResult,
  table,
} from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { exactDistribution } from './truth.ts';
import { assertNone, differences, sketchDifferences } from './verify.ts';

const WARM_UP_MS = 3_000;
/** After this long without a request a server counts as idle: V8 has then settled. */
const IDLE_MS = 45_000;
const SECONDS_MAX = 120;
const RUNS_MAX = 9;
const ALARM_CASE = 'alarms';
const IDLE_CASE = 'idle';
const ALARMS = { seconds: 20, probes: 100, partitions: 4 };

interface Run {
  readonly case: string;
  readonly partitions: number;
  readonly acknowledgedPerSecond: number;
  /** From the start of measuring until the last acknowledged event is applied. */
  readonly appliedPerSecond: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly serverCpuPerMillion: number;
  readonly generatorCpuPerMillion: number;
  readonly peakRssBytes: number;
  readonly diskBytesPerEvent: number;
  readonly refused: number;
  /** Of requests with one event. */
  readonly ceiling: Ceiling | undefined;
}

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    /** Without it all of them. */
    case: { type: 'string', multiple: true },
    partitions: { type: 'string', default: '1,12' },
    /** Of the main case and of cases that are named; the others run once. */
    runs: { type: 'string', default: '3' },
    /** Instead of those that the case has. */
    connections: { type: 'string' },
    profile: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});

const seconds = Math.min(Number(options.seconds), SECONDS_MAX);
const partitionCounts = options.partitions.split(',').map(Number);
const CASE_NAMES = [IDLE_CASE, ...LOAD_CASES.map(({ name }) => name), ALARM_CASE];
const caseNames = options.case ?? CASE_NAMES;
const loadNames = caseNames.filter((name) => name !== ALARM_CASE && name !== IDLE_CASE);
const cases = loadNames.map((name) => {
  const found = LOAD_CASES.find((load) => load.name === name);
  assert(found !== undefined, `expected a case of ${CASE_NAMES}, received "${name}"`);
  const connections = Number(options.connections ?? found.connections);
  return { ...found, connections };
});

const idleRssBytes = caseNames.includes(IDLE_CASE) ? await measureIdle() : undefined;
const rows: Run[] = [];
const profiles: string[] = [];
for (const load of cases) {
  for (const partitions of partitionCounts) {
    const runs: Run[] = [];
    const isRepeated = options.case !== undefined || load.name === MAIN_CASE.name;
    const runCount = isRepeated ? Math.min(Number(options.runs), RUNS_MAX) : 1;
    for (let i = 0; i < runCount; i++) {
      const run = await measure(load, partitions);
      process.stderr.write(
        `${load.name}, ${partitions} partitions: ${grouped(run.acknowledgedPerSecond)} acknowledged/s, ` +
          `${grouped(run.appliedPerSecond)} applied/s, ` +
          `${run.serverCpuPerMillion.toFixed(2)} + ${run.generatorCpuPerMillion.toFixed(2)} CPU s/M${besideCeiling(run)}\n`,
      );
      runs.push(run);
    }
    rows.push(medianRun(runs, (run) => run.appliedPerSecond));
  }
}

const alarms = caseNames.includes(ALARM_CASE)
  ? { cost: await measureCost(ALARMS), latency: await measureLatency(ALARMS) }
  : undefined;

const report = [
  table(
    [
      { title: 'case', cell: (run: Run) => `${run.case}, ${run.partitions} p` },
      { title: 'durable/s', cell: (run) => grouped(run.acknowledgedPerSecond) },
      { title: 'applied/s', cell: (run) => grouped(run.appliedPerSecond) },
      { title: 'requests/s', cell: (run) => grouped(run.requestsPerSecond) },
      { title: 'p50 ms', cell: (run) => run.p50Ms.toFixed(2) },
      { title: 'p99 ms', cell: (run) => run.p99Ms.toFixed(2) },
      { title: 'server CPU s/M', cell: (run) => run.serverCpuPerMillion.toFixed(2) },
      { title: 'generator CPU s/M', cell: (run) => run.generatorCpuPerMillion.toFixed(2) },
      { title: 'peak RSS', cell: (run) => megabytes(run.peakRssBytes) },
      { title: 'disk B/event', cell: (run) => run.diskBytesPerEvent.toFixed(0) },
      { title: 'refused', cell: (run) => grouped(run.refused) },
    ],
    rows,
  ),
  '',
  ...rows.filter(({ ceiling }) => ceiling !== undefined).map(ceilingText),
  ...(idleRssBytes === undefined
    ? []
    : [`Idle RSS, ${IDLE_MS / 1_000} s after the start: ${megabytes(idleRssBytes)}.`]),
  `${seconds} s a run, medians of ${options.runs} runs for ${options.case ?? MAIN_CASE.name}. p = partitions; disk bytes are journal and state.`,
  ...profiles,
  ...(alarms === undefined
    ? []
    : ['', ...costText(alarms.cost, ALARMS), ...latencyText(alarms.latency, ALARMS)]),
].join('\n');
process.stdout.write(`${report}\n`);
if (options.save) {
  process.stdout.write(`${saveResult('bench', report, { seconds, idleRssBytes, rows, alarms })}\n`);
} else {
  process.stdout.write(
    `${JSON.stringify({ machine: describeMachine(), seconds, idleRssBytes, rows, alarms })}\n`,
  );
}
process.exit(0);

async function measureIdle(): Promise<number> {
  const folder = scratchFolder('bench');
  const server = await Server.prepare({ folder, partitions: partitionCounts[0] ?? 1 });
  try {
    await server.start();
    await sleep(IDLE_MS);
    return server.usage().rssBytes;
  } finally {
    await server.kill();
    removeScratch(folder);
  }
}

async function measure(load: LoadCase, partitions: number): Promise<Run> {
  const folder = scratchFolder('bench');
  const nodeArgs = options.profile ? PROFILE_ARGS(folder) : [];
  const server = await Server.prepare({ folder, partitions, nodeArgs });
  const generator = new Generator();
  try {
    await server.start();
    const measured = await underLoad(server, generator, load, partitions);
    await server.stop();
    generator.close();
    const isAllRequests = load.eventsPerBody === 1;
    const ceiling = isAllRequests ? await measureCeiling(load, partitions, seconds) : undefined;
    if (options.profile) {
      profiles.push(
        `\n${load.name}, ${partitions} partitions: self time\n\n${summariseProfiles(folder)}`,
      );
    }
    return { ...measured, ceiling };
  } finally {
    generator.close();
    await server.kill();
    removeScratch(folder);
  }
}

async function underLoad(
  server: Server,
  generator: Generator,
  load: LoadCase,
  partitions: number,
): Promise<Omit<Run, 'ceiling'>> {
  const loading = loadOptions(load, server);
  await generator.ask({ type: 'prepare', options: loading });
  await generator.ask({ type: 'resume' });
  await sleep(WARM_UP_MS);

  await generator.ask({ type: 'measure' });
  const appliedBefore = (await server.ledger()).applied;
  const cpuBefore = server.usage().cpuSeconds;
  const startedAt = performance.now();
  await sleep(seconds * 1_000);
  const measured = await generator.ask({ type: 'measure' });
  const { events } = await generator.ask({ type: 'drain' });
  const ledger = await server.caughtUp();
  const appliedSeconds = (performance.now() - startedAt) / 1_000;
  const applied = ledger.applied - appliedBefore;
  const { cpuSeconds, peakRssBytes } = server.usage();

  assertNone('answers that this load should not get', measured.unexpected);
  const truth = await generator.ask({ type: 'truth' });
  const exact = exactDistribution(truth, loading.workload);
  const found = [
    ...(await differences(server, truth)),
    ...(await sketchDifferences(server, truth, exact)),
  ];
  assertNone('differences between what was sent and what is answered', found);
  return {
    case: load.name,
    partitions,
    acknowledgedPerSecond: measured.events / measured.seconds,
    appliedPerSecond: applied / appliedSeconds,
    requestsPerSecond: measured.requests / measured.seconds,
    p50Ms: measured.latencyMs.p50,
    p99Ms: measured.latencyMs.p99,
    serverCpuPerMillion: ((cpuSeconds - cpuBefore) / applied) * 1e6,
    generatorCpuPerMillion: (measured.cpuSeconds / measured.events) * 1e6,
    peakRssBytes,
    diskBytesPerEvent: bytesOnDisk(server.dataDir) / events,
    refused: measured.refused,
  };
}

/** Empty where none was measured. */
function besideCeiling({ requestsPerSecond, ceiling }: Run): string {
  if (ceiling === undefined) return '';
  const share = percent(requestsPerSecond / ceiling.requestsPerSecond);
  return `, ${share} of a bare server's ${grouped(ceiling.requestsPerSecond)}`;
}

function ceilingText(run: Run): string {
  const { serverCpuPerMillion = 0, generatorCpuPerMillion = 0 } = run.ceiling ?? {};
  const cost = `${serverCpuPerMillion.toFixed(2)} + ${generatorCpuPerMillion.toFixed(2)}`;
  return `${run.case}, ${run.partitions} p${besideCeiling(run)} requests/s (${cost} CPU s/M).`;
}
