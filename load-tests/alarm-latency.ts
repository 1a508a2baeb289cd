/** How soon a webhook tells of an event that crosses a threshold, while the server takes in all it can. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Generator } from './generator.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { postEvents } from './post-events.ts';
import { type Random, seededRandom } from './random.ts';
import { Recorder } from './recorder.ts';
import { grouped, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { STREAM } from './workload.ts';

const WARM_UP_MS = 5_000;
const LATENCY_MS_MAX = 2_000;
const PROBE_EVERY_MS = { min: 400, max: 1_000 };
const PROBE_SEEN_MS_MAX = 15_000;

export interface Latency {
  readonly latenessMs: number;
  readonly eventsPerSecond: number;
  /** From before the request to the webhook, ascending. */
  readonly afterMs: readonly number[];
}

export interface LatencyOptions {
  readonly probes: number;
  readonly partitions: number;
}

export async function measureLatency(options: LatencyOptions): Promise<Latency[]> {
  const results: Latency[] = [];
  for (const latenessMs of [200, 500]) results.push(await latencyWith(latenessMs, options));
  return results;
}

async function latencyWith(
  latenessMs: number,
  { probes, partitions }: LatencyOptions,
): Promise<Latency> {
  const folder = scratchFolder('alarm-bench');
  const file = join(folder, 'recorded.ndjson');
  const recorder = await Recorder.start({ seed: 1, file, badShare: 0 });
  const rule = {
    ...{ name: 'probe', filter: [{ field: 'type', in: ['probe'] }], groupBy: ['probe'] },
    ...{ window: '1s', every: '1s', lateness: `${latenessMs}ms`, above: 0 },
  };
  const alarms = {
    rules: [rule],
    receivers: [
      { name: 'recorder', webhook: recorder.webhook, sendResolved: false, concurrency: 16 },
    ],
    routes: [{ receiver: 'recorder', groupBy: ['probe'] }],
    server: { enabled: false },
  };
  const server = await Server.prepare({ folder, partitions, config: { alarms } });
  const generator = new Generator();
  try {
    await server.start();
    await generator.ask({ type: 'prepare', options: loadOptions(MAIN_CASE, server) });
    await generator.ask({ type: 'resume' });
    await sleep(WARM_UP_MS);
    await generator.ask({ type: 'measure' });
    const sentAt = await sendProbes(server, probes, seededRandom(1));
    const { events, seconds: passedS } = await generator.ask({ type: 'measure' });
    const afterMs = await received(recorder, sentAt);
    return { latenessMs, eventsPerSecond: events / passedS, afterMs };
  } finally {
    generator.close();
    recorder.close();
    await server.kill();
    removeScratch(folder);
  }
}

/** Events that each make an alarm of their own fire, at moments that have nothing to do with the ticks. By name: when. */
async function sendProbes(
  server: Server,
  probes: number,
  random: Random,
): Promise<Map<string, number>> {
  const sentAt = new Map<string, number>();
  for (let i = 0; i < probes; i++) {
    await sleep(random.between(PROBE_EVERY_MS.min, PROBE_EVERY_MS.max));
    const ts = Date.now();
    sentAt.set(`p${i}`, ts);
    await postEvents(
      server,
      STREAM,
      JSON.stringify({ ts, type: 'probe', key: `p${i}`, probe: `p${i}` }),
    );
  }
  return sentAt;
}

async function received(
  recorder: Recorder,
  sentAt: ReadonlyMap<string, number>,
): Promise<number[]> {
  const deadline = Date.now() + PROBE_SEEN_MS_MAX;
  for (;;) {
    const afterMs = new Map<string, number>();
    for (const { atMs, body } of recorder.read()) {
      const { groupLabels }: { groupLabels: Record<string, string> } = JSON.parse(body);
      const probe = groupLabels['probe'] ?? '';
      afterMs.set(probe, Math.min(afterMs.get(probe) ?? Infinity, atMs - (sentAt.get(probe) ?? 0)));
    }
    if (afterMs.size === sentAt.size) return [...afterMs.values()].sort((a, b) => a - b);
    if (Date.now() > deadline) throw new Error(`${afterMs.size} of ${sentAt.size} were told of`);
    await sleep(100);
  }
}

export function latencyText(rows: readonly Latency[], { partitions }: LatencyOptions): string[] {
  const quantile = (sorted: readonly number[], q: number): string =>
    grouped(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN);
  return [
    `From the request of an event that crosses a threshold to its webhook, no \`for\`, judged every second, at full load ` +
      `(${MAIN_CASE.name}), ${partitions} partitions. Up to 1 s of it is the wait for the tick. Wanted: p99 < ` +
      `${grouped(LATENCY_MS_MAX)} ms.`,
    '',
    table(
      [
        { title: 'lateness', cell: ({ latenessMs }: Latency) => `${latenessMs} ms` },
        { title: 'events/s', cell: ({ eventsPerSecond }) => grouped(eventsPerSecond) },
        { title: 'probes', cell: ({ afterMs }) => String(afterMs.length) },
        { title: 'p50 ms', cell: ({ afterMs }) => quantile(afterMs, 0.5) },
        { title: 'p99 ms', cell: ({ afterMs }) => quantile(afterMs, 0.99) },
        { title: 'most ms', cell: ({ afterMs }) => grouped(afterMs.at(-1) ?? Number.NaN) },
      ],
      rows,
    ),
  ];
}
