/**
 * `npm run soak`: full load for minutes. Memory must be bounded and flat, live queries must keep up, readers that stall must
 * cost nothing and be told of their gap, and at the end every event must have been counted once.
 *
 *   node load-tests/soak.ts [--minutes 5] [--partitions 4] [--save]
 *
 * The live queries take part of the first half; the last half is load alone, and judged for flatness.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { Measured } from './generator/protocol.ts';
import { Generator } from './generator.ts';
import { type LiveResult, probeLive, readWide, type StallResult, stallReader } from './live.ts';
import { LIVE_TRANSPORTS } from './live-query.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { grouped, megabytes, percent, saveResult } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { addTruths } from './truth.ts';
import { assertNone, differences } from './verify.ts';

const MINUTES_MAX = 120;
const SAMPLE_MS = 1_000;
const WARM_UP_MS = 3_000;
const RSS_BYTES_MAX = 1e9;
/** Growth over the last half, by the fitted line, as a part of its mean. More is a leak or a warm-up that never ends. */
const GROWTH_MAX = 0.05;
const SEEN_P99_MS_MAX = 1_000;
const PROBES_PER_MINUTE = 20;
/** Of which each takes its share of the main thread. */
const WIDE_QUERIES = 8;
/** Longer than the history of a live query and the sockets' buffers bridge, shorter than the server waits for a reader. */
const STALL_MS = 100_000;
const STALL_GROWTH_BYTES_MAX = 256e6;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    partitions: { type: 'string', default: '4' },
    save: { type: 'boolean', default: false },
  },
});
const minutes = Math.min(Number(options.minutes), MINUTES_MAX);
const partitions = Number(options.partitions);

interface Soak {
  readonly measured: Measured;
  readonly rssBytes: readonly number[];
  readonly growth: number;
  /** With how many wide live queries beside them. */
  readonly live: readonly (LiveResult & { readonly wideQueries: number })[];
  readonly stalls: readonly StallResult[];
}

const folder = scratchFolder('soak');
const generator = new Generator();
const server = await Server.prepare({ folder, partitions });
try {
  const soak = await run();
  const text = report(soak);
  process.stdout.write(`${text}\n`);
  if (options.save)
    process.stdout.write(`${saveResult('soak', text, { minutes, partitions, ...soak })}\n`);
  assertNone('soak limits passed', judge(soak));
} catch (error) {
  process.stdout.write(`soak failed: ${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
} finally {
  generator.close();
  await server.kill();
  removeScratch(folder);
}
process.exit();

async function run(): Promise<Soak> {
  await server.start();
  await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server) });
  await generator.ask({ type: 'resume' });
  await sleep(WARM_UP_MS);
  await generator.ask({ type: 'measure' });

  const endsAt = performance.now() + minutes * 60_000;
  const rssBytes: number[] = [];
  const sampler = setInterval(() => rssBytes.push(server.usage().rssBytes), SAMPLE_MS);
  const probes = Math.ceil(minutes * PROBES_PER_MINUTE);
  const alone = await probeLive(server, probes, 0);
  const closeWide = await readWide(server, WIDE_QUERIES);
  const beside = await probeLive(server, probes, probes);
  closeWide();
  const stalls = await Promise.all(
    LIVE_TRANSPORTS.map((transport) => stallReader(server, transport, STALL_MS)),
  );
  await sleep(Math.max(0, endsAt - performance.now()));
  clearInterval(sampler);

  const measured = await generator.ask({ type: 'measure' });
  await generator.ask({ type: 'drain' });
  const sent = await generator.ask({ type: 'truth' });
  assertNone(
    'differences from what was acknowledged',
    await differences(server, addTruths(sent, addTruths(alone.truth, beside.truth))),
  );
  await server.stop();
  const lastHalf = rssBytes.slice(Math.floor(rssBytes.length / 2));
  const live = [
    ...alone.results.map((result) => ({ ...result, wideQueries: 0 })),
    ...beside.results.map((result) => ({ ...result, wideQueries: WIDE_QUERIES })),
  ];
  return { measured, rssBytes, growth: relativeGrowth(lastHalf), live, stalls };
}

/** Growth over the whole of `samples`, by the line of least squares, as a part of their mean. */
function relativeGrowth(samples: readonly number[]): number {
  const n = samples.length;
  const meanX = (n - 1) / 2;
  const meanY = samples.reduce((sum, y) => sum + y, 0) / n;
  const covariance = samples.reduce((sum, y, x) => sum + (x - meanX) * (y - meanY), 0);
  const variance = samples.reduce((sum, _, x) => sum + (x - meanX) ** 2, 0);
  return ((covariance / variance) * (n - 1)) / meanY;
}

function judge({ measured, rssBytes, growth, live, stalls }: Soak): string[] {
  const found = [...measured.unexpected];
  const peak = Math.max(...rssBytes);
  if (peak > RSS_BYTES_MAX)
    found.push(`${megabytes(peak)} resident, allowed ${megabytes(RSS_BYTES_MAX)}`);
  if (growth > GROWTH_MAX) found.push(`memory grew by ${percent(growth)} over the last half`);
  for (const { transport, seenAfterMs, wideQueries } of live) {
    const p99 = quantile(seenAfterMs, 0.99);
    if (p99 > SEEN_P99_MS_MAX)
      found.push(
        `${transport} beside ${wideQueries} wide: events seen after ${Math.round(p99)} ms (p99)`,
      );
  }
  for (const { transport, hasGap, hasHole, grownBytes } of stalls) {
    if (hasHole)
      found.push(`${transport}: a reader that had stalled misses messages without a gap`);
    if (!hasGap) found.push(`${transport}: a reader that had stalled was not told of its gap`);
    if (grownBytes > STALL_GROWTH_BYTES_MAX) {
      found.push(`${transport}: memory grew by ${megabytes(grownBytes)} while a reader stalled`);
    }
  }
  return found;
}

function report({ measured, rssBytes, growth, live, stalls }: Soak): string {
  const lastHalf = rssBytes.slice(Math.floor(rssBytes.length / 2));
  return [
    `${minutes} minutes of ${MAIN_CASE.name}, ${partitions} partitions: ${grouped(measured.events)} events, ` +
      `${grouped(measured.events / measured.seconds)} acknowledged/s, ${grouped(measured.refused)} refused, ` +
      `request p99 ${measured.latencyMs.p99.toFixed(1)} ms. Every event was counted once.`,
    `Resident memory: at most ${megabytes(Math.max(...rssBytes))}; over the last half ` +
      `${megabytes(Math.min(...lastHalf))} to ${megabytes(Math.max(...lastHalf))}, fitted growth ${percent(growth)}.`,
    ...live.map(
      ({ transport, seenAfterMs, wideQueries }) =>
        `${transport} beside ${wideQueries} wide live queries: ${seenAfterMs.length} events seen after their acknowledgement within ` +
        `${Math.round(quantile(seenAfterMs, 0.5))} ms (p50), ${Math.round(quantile(seenAfterMs, 0.99))} ms (p99).`,
    ),
    ...stalls.map(
      ({ transport, messages, hasGap, grownBytes }) =>
        `${transport}: a stalled reader ${hasGap ? 'was' : 'was not'} told of its gap, after ${messages} messages; memory ` +
        `${grownBytes < 0 ? 'shrank' : 'grew'} by ${megabytes(Math.abs(grownBytes))} meanwhile.`,
    ),
  ].join('\n\n');
}

function quantile(ascending: readonly number[], q: number): number {
  return ascending[Math.max(0, Math.ceil(q * ascending.length) - 1)] ?? Number.NaN;
}
