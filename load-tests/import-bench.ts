/**
 * An access log imported into a server on the same cores, killed twice with SIGKILL and begun again, and counted:
 * `node load-tests/import-bench.ts [--lines 5000000] [--partitions 1] [--save]`.
 */
import { ok as assert } from 'node:assert';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { IMPORT_STREAM, type ImportTold, startImport, writeAccessLog } from './import-process.ts';
import { processUsage } from './process-usage.ts';
import { grouped, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const POLL_MS = 20;
const DAY_MS = 86_400_000;
const KILLED_AT = [0.25, 0.6];

const { values: options } = parseArgs({
  options: {
    lines: { type: 'string', default: '5000000' },
    partitions: { type: 'string', default: '1' },
    save: { type: 'boolean', default: false },
  },
});
const lines = Number(options.lines);

interface Run {
  readonly settled: number;
  readonly seconds: number;
  /** Of the processor. */
  readonly clientSeconds: number;
  readonly serverSeconds: number;
  readonly end: string;
}

const folder = scratchFolder('import-bench');
const log = join(folder, 'access.log');
const fromMs = Math.floor(Date.now() / DAY_MS - 9) * DAY_MS;
writeAccessLog(log, lines, fromMs, DAY_MS);
const rollups = [
  {
    name: 'by_status',
    stream: IMPORT_STREAM,
    dimensions: ['status'],
    measures: ['count', 'sum(bytes)'],
  },
];
const server = await Server.prepare({
  folder: join(folder, 'server'),
  partitions: Number(options.partitions),
  config: { rollups },
});
let runs: Run[];
/** Of the last events: what is asked for behind it has them all. */
let position: string | undefined;
try {
  await server.start();
  runs = await importAll();
  await count();
} finally {
  await server.kill();
}
const bytes = statSync(log).size;
removeScratch(folder);

const undisturbed = runs.at(-1) as Run;
const text = [
  table<Run>(
    [
      { title: 'run', cell: ({ end }) => end },
      { title: 'lines settled', cell: ({ settled }) => grouped(settled) },
      { title: 'seconds', cell: ({ seconds }) => seconds.toFixed(1) },
      { title: 'lines/s', cell: ({ settled, seconds }) => grouped(settled / seconds) },
      { title: 'us/line, import', cell: perLine('clientSeconds') },
      { title: 'server', cell: perLine('serverSeconds') },
    ],
    runs,
  ),
  '',
  `${grouped(lines)} lines of ${Math.round(bytes / lines)} bytes, ${options.partitions} partitions, one rollup. The last run asked first which of the lines under way had arrived: ${grouped(undisturbed.settled / undisturbed.seconds)} lines/s with that. Each line is there once, by the ledger, by a timeseries of the rollup over its day and by SQL over the events.`,
].join('\n');
console.log(text);
if (options.save) console.log(saveResult('import', text, { lines, bytes, runs }));
process.exit(0);

function perLine(seconds: 'clientSeconds' | 'serverSeconds'): (run: Run) => string {
  return (run) => ((1e6 * run[seconds]) / run.settled).toFixed(2);
}

async function importAll(): Promise<Run[]> {
  const done: Run[] = [];
  for (const share of KILLED_AT) done.push(await importUntil(share * lines));
  done.push(await importUntil(Number.POSITIVE_INFINITY));
  return done;
}

/** Killed as soon as so many lines are settled. */
async function importUntil(lineCount: number): Promise<Run> {
  const before = settled();
  const serverBefore = server.usage().cpuSeconds;
  const startedMs = performance.now();
  const { child, ended } = startImport(server, log);
  let clientSeconds = 0;
  while (settled() < lineCount && child.exitCode === null) {
    clientSeconds = processUsage(child.pid as number)?.cpuSeconds ?? clientSeconds;
    await sleep(POLL_MS);
  }
  child.kill('SIGKILL');
  const told = await ended;
  const seconds = (performance.now() - startedMs) / 1_000;
  const serverSeconds = server.usage().cpuSeconds - serverBefore;
  const used = { seconds, clientSeconds, serverSeconds };
  if (lineCount < lines) {
    assert(told === undefined, 'expected an import that is not through before it is killed');
    return { settled: settled() - before, ...used, end: 'killed' };
  }
  const { accepted, run } = told as ImportTold;
  assert(accepted === lines, `expected ${lines} accepted, received ${accepted}`);
  position = told?.position;
  return { ...used, settled: run.settled, seconds: run.seconds, end: 'to the end' };
}

/** As the import's own state has it. */
function settled(): number {
  const path = `${log}.state`;
  if (!existsSync(path)) return 0;
  const { sources }: { sources: { settled: number }[] } = JSON.parse(readFileSync(path, 'utf8'));
  return sources.reduce((sum, source) => sum + source.settled, 0);
}

async function count(): Promise<void> {
  const ledger = await server.caughtUp(IMPORT_STREAM);
  assert(ledger.applied === lines, `expected ${lines} applied, received ${ledger.applied}`);
  const { timeseries } = await server.query<{
    timeseries: { source: string; series: { points: { values: { value: number }[] }[] }[] };
  }>(
    `{ timeseries(stream: "${IMPORT_STREAM}", from: ${fromMs}, to: ${fromMs + DAY_MS}, step: "1d") { source series { points { values { value } } } } }`,
  );
  const value = timeseries.series[0]?.points[0]?.values[0]?.value;
  assert(
    timeseries.source === 'ROLLUP' && value === lines,
    `expected a rollup with ${lines}, received ${value} of ${timeseries.source}`,
  );
  const statement = `SELECT count(*), count(DISTINCT query) FROM ${IMPORT_STREAM}`;
  const { sql } = await server.query<{ sql: { rows: (string | number)[][] } }>(
    'query ($statement: String!, $position: String) { sql(query: $statement, position: $position) { rows } }',
    { statement, position },
  );
  const counts = sql.rows[0]?.map(Number);
  assert(
    counts?.every((each) => each === lines),
    `expected ${lines} events, received ${counts}`,
  );
}
