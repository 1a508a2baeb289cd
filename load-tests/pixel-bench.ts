/**
 * The pixel at a steady rate: `node load-tests/pixel-bench.ts [--rate 10000] [--seconds 10] [--runs 3] [--save]`. Requests are due by the
 * clock, whatever became of those before, and each is measured from when it was due: an answer that is late makes those behind it
 * late, too. Once with the agents of a busy site, once with another one in each request, which the server has never seen, and once
 * not for the pixel, but for nothing. Every request has to be an event in the end, or counted as lost. The generator is on the same cores.
 */
import { ok as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { CONNECTIONS, VISITORS, Visitors, type VisitorsName } from './pixel-visitors.ts';
import { grouped, medianRun, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const WARM_UP_SECONDS = 3;
const STREAM = 'events';

interface Run {
  readonly case: VisitorsName;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly lost: number;
  readonly cpuPerMillion: number;
  readonly peakRssBytes: number;
}

const { values: options } = parseArgs({
  options: {
    rate: { type: 'string', default: '10000' },
    seconds: { type: 'string', default: '10' },
    runs: { type: 'string', default: '3' },
    save: { type: 'boolean', default: false },
  },
});
const rate = Number(options.rate);
const seconds = Number(options.seconds);

const folder = scratchFolder('pixel-bench');
const rows: Run[] = [];
try {
  for (const name of VISITORS) {
    const runs: Run[] = [];
    for (let run = 0; run < Number(options.runs); run++) {
      runs.push(await measure(name, `${folder}/${name}-${run}`.replaceAll(' ', '-')));
      process.stderr.write(`${name}: p99 ${runs.at(-1)?.p99Ms.toFixed(2)} ms\n`);
    }
    rows.push(medianRun(runs, ({ p99Ms }) => p99Ms));
  }
} finally {
  removeScratch(folder);
}

const text = [
  table<Run>(
    [
      { title: 'case', cell: (run) => run.case },
      { title: 'answered/s', cell: (run) => grouped(run.perSecond) },
      { title: 'p50, ms', cell: (run) => run.p50Ms.toFixed(2) },
      { title: 'p99, ms', cell: (run) => run.p99Ms.toFixed(2) },
      { title: 'p99.9, ms', cell: (run) => run.p999Ms.toFixed(2) },
      { title: 'lost', cell: (run) => grouped(run.lost) },
      { title: "server's CPU s per million", cell: (run) => run.cpuPerMillion.toFixed(1) },
      { title: 'peak RSS, MB', cell: (run) => grouped(run.peakRssBytes / 1e6) },
    ],
    rows,
  ),
  '',
  `${grouped(rate)} requests/s due over ${CONNECTIONS} connections for ${seconds} s, from when each was due until its answer; the run with the median p99 of ${options.runs}. Every request of the pixel was an event in the end, or counted as lost. The last line is \`GET /healthz\`, which does nothing.`,
].join('\n');
console.log(text);
if (options.save) console.log(saveResult('pixel', text, { rate, seconds, rows }));
process.exit(0);

async function measure(name: VisitorsName, place: string): Promise<Run> {
  const server = await Server.prepare({
    folder: place,
    partitions: 4,
    config: { rollups: [], web: { enabled: true }, archive: { enabled: false } },
  });
  await server.start();
  try {
    const visitors = new Visitors({ server, name, rate });
    await visitors.come(WARM_UP_SECONDS);
    visitors.latencies.reset();
    const startCpu = server.usage().cpuSeconds;
    const startedAt = performance.now();
    const answered = await visitors.come(seconds);
    const tookSeconds = (performance.now() - startedAt) / 1_000;
    const { cpuSeconds, peakRssBytes } = server.usage();
    const lost = name === 'no pixel' ? 0 : await settled(server, visitors.answered);
    visitors.leave();
    const { latencies } = visitors;
    return {
      case: name,
      perSecond: answered / tookSeconds,
      p50Ms: latencies.quantileMs(0.5),
      p99Ms: latencies.quantileMs(0.99),
      p999Ms: latencies.quantileMs(0.999),
      lost,
      cpuPerMillion: ((cpuSeconds - startCpu) * 1e6) / answered,
      peakRssBytes,
    };
  } finally {
    await server.stop();
  }
}

/** Once each hit is an event that is applied, or lost: answers how many are lost. */
async function settled(server: Server, hits: number): Promise<number> {
  for (;;) {
    const lost = (await server.samples('streamgauge_pixel_hits_lost_total').catch(() => [])).reduce(
      (sum, value) => sum + value,
      0,
    );
    const { applied, rejected } = await server.caughtUp(STREAM);
    assert(rejected === 0, `expected no refused event, received ${rejected}`);
    if (applied + lost === hits) return lost;
    assert(applied + lost < hits, `expected ${hits} events, received ${applied} and ${lost} lost`);
    await sleep(50);
  }
}
