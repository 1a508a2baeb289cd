/**
 * What questions over weeks take over HTTP, of a server that is idle and of one that events come to at half of the rate it can take, and what
 * they cost those events:
 * `node load-tests/query-under-load-bench.ts [--partitions 2] [--events 600] [--seconds 20] [--rounds 3] [--asks 10] [--save] [--profile]`.
 *
 * A server of its own is sent 62 days of history (`--events` of each quarter of an hour), then as much as it takes, and of that half: by turns without questions and
 * with `--asks` of them a second, each of `QUESTIONS` in its turn, whatever the one before takes. The generator and the asker share the machine.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Latencies } from './generator/latencies.ts';
import { Generator } from './generator.ts';
import { sendHistory } from './history.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { PROFILE_ARGS, summariseProfiles } from './profile.ts';
import { type Column, grouped, median, percent, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { STREAM } from './workload.ts';

const { values: options } = parseArgs({
  options: {
    partitions: { type: 'string', default: '2' },
    events: { type: 'string', default: '600' },
    seconds: { type: 'string', default: '20' },
    rounds: { type: 'string', default: '3' },
    asks: { type: 'string', default: '10' },
    profile: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const partitions = Number(options.partitions);
const seconds = Number(options.seconds);
const WARM_UP_MS = 3_000;
/** Unlike a ledger it never leaves a busy partition out. */
const APPLIED = 'streamgauge_events_applied_total';
const HISTORY = { days: 62, events: Number(options.events), urls: 100_000 };
/** Asked of the idle server each. Until then V8 has compiled what they run: the first twenty take up to ten times as long. */
const IDLE_ASKS = { warmUp: 60, measured: 100 };

const QUARTERS = { step: '15m', retention: '730d' };
const ROLLUPS = [
  {
    name: 'by_type_country',
    stream: STREAM,
    dimensions: ['type', 'country'],
    measures: ['count', 'sum(duration_ms)', 'quantile(duration_ms)'],
  },
  {
    name: 'users',
    stream: STREAM,
    measures: ['count', 'distinct(user)'],
    resolutions: [QUARTERS, { step: '1d', retention: '730d' }],
  },
  { name: 'urls', stream: STREAM, measures: ['top(url)'], resolutions: [QUARTERS] },
];

interface Question {
  readonly name: string;
  /** The arguments of a timeseries; undefined: what version the server has, which shows what is lost before and behind the question. */
  readonly asked?: string;
  /** What is asked of each series. Default: the times and values of its points, as columns. */
  readonly selected?: string;
}

const COLUMNS = 'columns { t values }';
const MONTHLY =
  'last: "1d", step: "1d", window: "30d", measures: [{ op: distinct, field: "user" }]';
const QUESTIONS: readonly Question[] = [
  {
    name: 'count, 14 d by 30 min, 100 series',
    asked: 'last: "14d", step: "30m", groupBy: ["type", "country"]',
  },
  { name: 'count, 1 h by second', asked: 'last: "1h", step: "1s"' },
  {
    name: 'top 10 of 100,000 urls, 1 d',
    asked: 'last: "1d", step: "1d", measures: [{ op: top, field: "url", k: 10 }]',
    selected: 'points { t values { entries { value count } } }',
  },
  { name: 'users of the last 30 d', asked: MONTHLY },
  {
    name: 'users of the last 30 d, Europe/Berlin',
    asked: `timeZone: "Europe/Berlin", ${MONTHLY}`,
  },
  {
    name: 'count, 30 d by hour, Asia/Kathmandu',
    asked: 'timeZone: "Asia/Kathmandu", last: "30d", step: "1h"',
  },
  { name: 'the version of the server' },
];

interface Asked {
  readonly latencies: readonly Latencies[];
  answers: number;
}

let sources = 0;
const folder = scratchFolder('query-under-load');
const nodeArgs = options.profile ? PROFILE_ARGS(folder) : [];
const server = await Server.prepare({
  ...{ folder, partitions, nodeArgs },
  config: { rollups: ROLLUPS },
});
const generator = new Generator();
try {
  await server.start();
  const history = await sendHistory(server, HISTORY);
  const idle = asked();
  for (const [place, question] of QUESTIONS.entries()) {
    for (let i = 0; i < IDLE_ASKS.warmUp; i++) await ask(question);
    for (let i = 0; i < IDLE_ASKS.measured; i++) idle.latencies[place]?.addMs(await ask(question));
  }

  const most = await appliedRate(undefined);
  const half = most / 2;
  const busy = asked();
  const without: number[] = [];
  const withQuestions: number[] = [];
  for (let round = 0; round < Number(options.rounds); round++) {
    without.push(await appliedRate(half));
    withQuestions.push(await appliedRate(half, busy));
  }
  report(history, idle, busy, { most, without, withQuestions });
  if (options.profile) {
    await server.stop();
    process.stdout.write(`\n${summariseProfiles(folder)}\n`);
  }
} finally {
  generator.close();
  await server.kill();
  removeScratch(folder);
}
process.exit(0);

/** Events a second that became counted while the generator sent so many, or as many as it could. */
async function appliedRate(
  eventsPerSecond: number | undefined,
  ofQuestions?: Asked,
): Promise<number> {
  // Ids must be new each time, so each is a source of its own.
  const pace = { source: ++sources, ...(eventsPerSecond !== undefined && { eventsPerSecond }) };
  await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server, pace) });
  await generator.ask({ type: 'resume' });
  await sleep(WARM_UP_MS);
  const stop = new AbortController();
  const asking = ofQuestions && askSteadily(ofQuestions, stop.signal);
  const before = await server.metric(APPLIED);
  const beganMs = performance.now();
  await sleep(seconds * 1_000);
  const after = await server.metric(APPLIED);
  const rate = ((after - before) * 1_000) / (performance.now() - beganMs);
  stop.abort();
  await asking;
  await generator.ask({ type: 'drain' });
  await server.caughtUp();
  return rate;
}

/** At the same moments whatever answers take, so that a slow one does not spare the server those behind it. */
async function askSteadily(into: Asked, stop: AbortSignal): Promise<void> {
  const everyMs = 1_000 / Number(options.asks);
  const open = new Set<Promise<void>>();
  const beganMs = performance.now();
  for (let i = 0; !stop.aborted; i++) {
    const place = i % QUESTIONS.length;
    const answer = ask(QUESTIONS[place] as Question).then((ms) => {
      into.latencies[place]?.addMs(ms);
      into.answers++;
    });
    open.add(answer);
    void answer.finally(() => open.delete(answer));
    await sleep(Math.max(0, beganMs + (i + 1) * everyMs - performance.now()));
  }
  await Promise.all(open);
}

/** Milliseconds until the answer is here, not parsed. Rejects if it has errors or no point. */
async function ask({ name, asked: parameters, selected = COLUMNS }: Question): Promise<number> {
  const query =
    parameters === undefined
      ? '{ version }'
      : `{ timeseries(${parameters}) { complete series { labels { value } ${selected} } } }`;
  const beganMs = performance.now();
  const response = await fetch(`http://${server.host}:${server.queryPort}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query }),
  });
  const text = await response.text();
  const ms = performance.now() - beganMs;
  const expected = parameters === undefined ? /"version":/ : /"t":\[?\d/;
  if (text.includes('"errors"') || !expected.test(text)) {
    throw new Error(`"${name}" was answered by ${response.status} ${text.slice(0, 500)}`);
  }
  return ms;
}

function asked(): Asked {
  return { latencies: QUESTIONS.map(() => new Latencies()), answers: 0 };
}

interface Rates {
  readonly most: number;
  readonly without: readonly number[];
  readonly withQuestions: readonly number[];
}

function report(history: number, idle: Asked, busy: Asked, rates: Rates): void {
  const { most, without, withQuestions } = rates;
  const rows = QUESTIONS.map(({ name }, place) => ({
    name,
    ...quantiles('idle', idle.latencies[place] as Latencies),
    ...quantiles('busy', busy.latencies[place] as Latencies),
  }));
  const column = (title: string, of: (row: (typeof rows)[number]) => number) => ({
    title,
    cell: (row: (typeof rows)[number]) => of(row).toFixed(1),
  });
  const columns: readonly Column<(typeof rows)[number]>[] = [
    { title: 'question', cell: ({ name }) => name },
    column('idle p50, ms', (row) => row.idleP50Ms),
    column('idle p99', (row) => row.idleP99Ms),
    column('half rate p50', (row) => row.busyP50Ms),
    column('half rate p99', (row) => row.busyP99Ms),
  ];
  const [quiet, questioned] = [median(without), median(withQuestions)];
  const text = [
    table(columns, rows),
    '',
    `${grouped(history)} events of ${HISTORY.days} days, ${HISTORY.urls} urls, ${partitions} partitions. At most ${grouped(most)} events/s; at half of that ` +
      `${grouped(quiet)} are applied without questions and ${grouped(questioned)} with ${options.asks} a second (${percent(1 - questioned / quiet)} less; medians of ${options.rounds} runs of ${seconds} s, by turns).`,
  ].join('\n');
  process.stdout.write(`${text}\n`);
  if (options.save) {
    saveResult('query-under-load', text, { partitions, seconds, history, rates, rows });
  }
}

function quantiles<Name extends 'idle' | 'busy'>(name: Name, latencies: Latencies) {
  return {
    [`${name}P50Ms`]: latencies.quantileMs(0.5),
    [`${name}P99Ms`]: latencies.quantileMs(0.99),
  } as Record<`${Name}P50Ms` | `${Name}P99Ms`, number>;
}
