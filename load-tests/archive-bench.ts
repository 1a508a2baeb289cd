/**
 * What archiving keeps up with, and what it takes from ingest, on a machine that the generator shares.
 *
 *   node load-tests/archive-bench.ts [--seconds 30] [--rounds 3] [--partitions 4] [--only beside|half|backlog]...
 *     [--cut 256] [--speed N] [--save]
 *
 * - beside: ingest at full speed, in turns with and without an archive, each time on a new server; medians of `--rounds`.
 * - half: ingest at half of that speed for three times `--seconds`; what waits for the archive must not grow.
 * - backlog: ingest at full speed for `--seconds` while the archive is out of reach; then how long it takes to bring that in.
 *
 * The archive is a directory, with the settings that a server has by default, save that `--cut` MiB of log make a cut. After each
 * run with an archive it must hold as many events as were applied. `--speed` events/s stand in for full speed: to try the
 * bench itself.
 */
import { ok as assert } from 'node:assert';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Generator } from './generator.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { grouped, median, megabytes, percent, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { assertNone } from './verify.ts';

const WARM_UP_MS = 3_000;
/** A round of `beside`; longer ones say no more. */
const ROUND_SECONDS_MAX = 60;
const SAMPLE_MS = 500;
const POLL_MS = 50;
const KEPT_SHARE_MIN = 0.85;
/** Nobody listens there. */
const OUT_OF_REACH = {
  webhdfs: { namenodes: ['http://127.0.0.1:1'], dir: '/', defaultFs: 'hdfs://gone', user: 'bench' },
};
const PARTS = ['beside', 'half', 'backlog'] as const;

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '30' },
    rounds: { type: 'string', default: '3' },
    partitions: { type: 'string', default: '4' },
    only: { type: 'string', multiple: true, default: [...PARTS] },
    cut: { type: 'string', default: '256' },
    speed: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const seconds = Number(options.seconds);
const rounds = Number(options.rounds);
const partitions = Number(options.partitions);
const cutBytes = Number(options.cut) * 2 ** 20;
const halfSeconds = 3 * seconds;
/** Of what waits at half speed, from the median of the first half of the run to that of the second. What waits goes up and down by a cut. */
const growthBytesMax = cutBytes / 4;
const full = options.speed === undefined ? {} : { eventsPerSecond: Number(options.speed) };
const ARCHIVE = { cut: { bytesMax: cutBytes } };

interface Round {
  readonly isArchiving: boolean;
  readonly acknowledgedPerSecond: number;
  readonly appliedPerSecond: number;
  readonly archivedPerSecond: number;
  readonly p99Ms: number;
  readonly serverCpuPerMillion: number;
}

interface Half {
  readonly eventsPerSecond: number;
  readonly archivedPerSecond: number;
  readonly cuts: number;
  /** Of the log, at most, in each tenth of the run. */
  readonly waitingBytes: readonly number[];
  /** Median of the second half of the run less that of the first. */
  readonly growthBytes: number;
  readonly serverCpuPerMillion: number;
}

interface Backlog {
  readonly events: number;
  readonly waitingBytes: number;
  readonly fillSeconds: number;
  /** From the start of the server that reaches its archive until that has every event. */
  readonly drainSeconds: number;
}

const results: string[] = [];
const failures: string[] = [];
const all: Round[] = [];
for (let round = 0; round < rounds && options.only.includes('beside'); round++) {
  all.push(await measureRound(false), await measureRound(true));
}
if (all.length > 0) results.push(...besideText());
const fullSpeed =
  all.length > 0 ? speedOf(false) : (await measureRound(false)).acknowledgedPerSecond;
const half = options.only.includes('half') ? await measureHalf(fullSpeed / 2) : undefined;
if (half !== undefined) results.push(...halfText(half));
const backlog = options.only.includes('backlog') ? await measureBacklog() : undefined;
if (backlog !== undefined) results.push(...backlogText(backlog));

const report = [
  ...results,
  `${seconds} s, ${partitions} partitions, cuts of ${megabytes(cutBytes)}; the generator runs on the same machine.`,
].join('\n\n');
process.stdout.write(`${report}\n`);
if (options.save) {
  const data = { seconds, partitions, rounds: all, half, backlog };
  process.stdout.write(`${saveResult('archive', report, data)}\n`);
}
assertNone('figures that were wanted and not reached', failures);
process.exit(0);

async function measureRound(isArchiving: boolean): Promise<Round> {
  const archive = isArchiving ? ARCHIVE : { enabled: false };
  return withServer({ archive }, async (server, generator) => {
    await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server, full) });
    await generator.ask({ type: 'resume' });
    await sleep(WARM_UP_MS);
    // With an archive it begins once a cut's worth waits.
    if (isArchiving) await waiting(server, (bytes) => bytes >= cutBytes);
    await generator.ask({ type: 'measure' });
    const before = await countsOf(server);
    const startedAt = performance.now();
    await sleep(Math.min(seconds, ROUND_SECONDS_MAX) * 1_000);
    const measured = await generator.ask({ type: 'measure' });
    const after = await countsOf(server);
    const tookSeconds = (performance.now() - startedAt) / 1_000;
    assertNone('answers that this load should not get', measured.unexpected);
    await generator.ask({ type: 'drain' });
    if (isArchiving) await archivedAll(server);
    const applied = after.applied - before.applied;
    const round = {
      isArchiving,
      acknowledgedPerSecond: measured.events / measured.seconds,
      appliedPerSecond: applied / tookSeconds,
      archivedPerSecond: (after.archived - before.archived) / tookSeconds,
      p99Ms: measured.latencyMs.p99,
      serverCpuPerMillion: ((after.cpuSeconds - before.cpuSeconds) / applied) * 1e6,
    };
    const name = isArchiving ? 'with an archive' : 'without';
    process.stderr.write(`${name}: ${grouped(round.acknowledgedPerSecond)} events/s\n`);
    return round;
  });
}

async function measureHalf(eventsPerSecond: number): Promise<Half> {
  return withServer({ archive: ARCHIVE }, async (server, generator) => {
    const load = loadOptions(MAIN_CASE, server, { eventsPerSecond });
    await generator.ask({ type: 'prepare', options: load });
    await generator.ask({ type: 'resume' });
    await sleep(WARM_UP_MS);
    // From the first cut on, so that a short run has one, too.
    await waiting(server, (bytes) => bytes >= cutBytes);
    await generator.ask({ type: 'measure' });
    const before = await countsOf(server);
    const samples: number[] = [];
    for (const endAt = performance.now() + halfSeconds * 1_000; performance.now() < endAt; ) {
      samples.push(await server.metric('streamgauge_archive_waiting_bytes'));
      await sleep(SAMPLE_MS);
    }
    const measured = await generator.ask({ type: 'measure' });
    const after = await countsOf(server);
    await generator.ask({ type: 'drain' });
    await archivedAll(server);
    return {
      eventsPerSecond: measured.events / measured.seconds,
      archivedPerSecond: (after.archived - before.archived) / measured.seconds,
      cuts: after.cuts - before.cuts,
      waitingBytes: mostByTenth(samples),
      growthBytes: growthOf(samples),
      serverCpuPerMillion:
        ((after.cpuSeconds - before.cpuSeconds) / (after.applied - before.applied)) * 1e6,
    };
  });
}

async function measureBacklog(): Promise<Backlog> {
  const folder = scratchFolder('archive-bench');
  const generator = new Generator();
  let server = await Server.prepare({ folder, partitions, config: { archive: OUT_OF_REACH } });
  try {
    await server.start();
    await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server, full) });
    const startedAt = performance.now();
    await generator.ask({ type: 'resume' });
    await sleep(seconds * 1_000);
    const { events } = await generator.ask({ type: 'drain' });
    const fillSeconds = (performance.now() - startedAt) / 1_000;
    await server.caughtUp();
    await server.stop();

    // Over the same data: it has the place of its archive from another configuration.
    server = await Server.prepare({ folder, partitions, config: { archive: ARCHIVE } });
    await server.start();
    const reachedAt = performance.now();
    const waitingBytes = await server.metric('streamgauge_log_durable_offset');
    // Heartbeats wait, too, and less than a cut for its age.
    await waiting(server, (bytes) => bytes < cutBytes);
    await archivedAll(server);
    const drainSeconds = (performance.now() - reachedAt) / 1_000;
    return { events, waitingBytes, fillSeconds, drainSeconds };
  } finally {
    generator.close();
    await server.kill();
    removeScratch(folder);
  }
}

async function withServer<T>(
  config: Readonly<Record<string, unknown>>,
  work: (server: Server, generator: Generator) => Promise<T>,
): Promise<T> {
  const folder = scratchFolder('archive-bench');
  const generator = new Generator();
  const server = await Server.prepare({ folder, partitions, config });
  try {
    await server.start();
    return await work(server, generator);
  } finally {
    generator.close();
    await server.kill();
    removeScratch(folder);
  }
}

async function countsOf(server: Server) {
  const [applied, archived, cuts] = await Promise.all([
    server.metric('streamgauge_events_applied_total'),
    server.metric('streamgauge_archive_rows_written_total'),
    server.metric('streamgauge_archive_cuts_total'),
  ]);
  return { applied, archived, cuts, cpuSeconds: server.usage().cpuSeconds };
}

/** What it answers starts the archive's thread, as an operator's look would. */
async function waiting(server: Server, isReached: (bytes: number) => boolean): Promise<void> {
  for (;;) {
    const { archive } = await server.query<{ archive: { waitingBytes: number; version: number } }>(
      '{ archive { waitingBytes version } }',
    );
    if (archive.version > 0 && isReached(archive.waitingBytes)) return;
    await sleep(POLL_MS);
  }
}

/** The archive has as many events as were applied. */
async function archivedAll(server: Server): Promise<void> {
  const { applied } = await server.caughtUp();
  for (;;) {
    const { archiveNow } = await server.query<{ archiveNow: { rows: number } }>(
      'mutation { archiveNow { rows } }',
    );
    assert(archiveNow.rows <= applied, `${archiveNow.rows} events are archived of ${applied}`);
    if (archiveNow.rows === applied) return;
    // The last of them are applied, and not yet committed.
    await sleep(POLL_MS);
  }
}

function mostByTenth(samples: readonly number[]): number[] {
  const size = Math.max(1, Math.ceil(samples.length / 10));
  const tenths = Array.from({ length: Math.ceil(samples.length / size) }, (_, i) =>
    samples.slice(i * size, (i + 1) * size),
  );
  return tenths.map((tenth) => Math.max(...tenth));
}

function growthOf(samples: readonly number[]): number {
  const middle = Math.floor(samples.length / 2);
  return median(samples.slice(middle)) - median(samples.slice(0, middle));
}

function speedOf(isArchiving: boolean): number {
  const some = all.filter((round) => round.isArchiving === isArchiving);
  return median(some.map(({ acknowledgedPerSecond }) => acknowledgedPerSecond));
}

function besideText(): string[] {
  const share = speedOf(true) / speedOf(false);
  if (share < KEPT_SHARE_MIN) failures.push(`beside: ${percent(share)} of the speed`);
  return [
    table(
      [
        {
          title: 'at full speed',
          cell: (r: Round) => (r.isArchiving ? 'archiving' : 'no archive'),
        },
        { title: 'durable/s', cell: (r) => grouped(r.acknowledgedPerSecond) },
        { title: 'applied/s', cell: (r) => grouped(r.appliedPerSecond) },
        { title: 'archived/s', cell: (r) => grouped(r.archivedPerSecond) },
        { title: 'p99 ms', cell: (r) => r.p99Ms.toFixed(1) },
        { title: 'server CPU s/M', cell: (r) => r.serverCpuPerMillion.toFixed(2) },
      ],
      all,
    ),
    `While it archives, ingest at full speed keeps ${percent(share)} of its rate (wanted: ${percent(KEPT_SHARE_MIN)}): ` +
      `medians of ${grouped(speedOf(true))} and ${grouped(speedOf(false))} events/s.`,
  ];
}

function halfText({ waitingBytes, growthBytes, ...rest }: Half): string[] {
  const most = Math.max(...waitingBytes);
  if (growthBytes > growthBytesMax) failures.push(`half: ${megabytes(growthBytes)} more wait`);
  return [
    `At half of the speed, ${grouped(rest.eventsPerSecond)} events/s, ${grouped(rest.archivedPerSecond)}/s are archived in ${rest.cuts} cuts; ` +
      `at most ${megabytes(most)} of the log wait, in the second half of the run ${megabytes(growthBytes)} more than in the first (wanted: at most ${megabytes(growthBytesMax)}); ` +
      `${rest.serverCpuPerMillion.toFixed(2)} CPU s/M. By tenths of the ${halfSeconds} s: ${waitingBytes.map(megabytes).join(', ')}.`,
  ];
}

function backlogText({ events, waitingBytes, fillSeconds, drainSeconds }: Backlog): string[] {
  const times = drainSeconds / fillSeconds;
  if (times > 2) failures.push(`backlog: ${times.toFixed(2)} times as long`);
  return [
    `${grouped(events)} events (${megabytes(waitingBytes)} of log), sent in ${fillSeconds.toFixed(0)} s while the archive was out of reach, ` +
      `are archived ${drainSeconds.toFixed(0)} s after the start of a server that reaches it: ${times.toFixed(2)} times as long (wanted: 2), ` +
      `${grouped(events / drainSeconds)} events/s.`,
  ];
}
