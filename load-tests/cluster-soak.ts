/**
 * `npm run soak:cluster`: three nodes and three brokers under load, of which something is always going wrong. At the end every
 * acknowledged event must have been counted once, by all nodes alike, and every alarm told once.
 *
 *   node load-tests/cluster-soak.ts [--minutes 30] [--seed S] [--save]   the long form
 *   node load-tests/cluster-soak.ts --short                              for CI, at most five minutes
 *   node load-tests/cluster-soak.ts --kind "node killed"                 only this fault
 *   node load-tests/cluster-soak.ts --brokers 1                          on a small machine
 *
 * Needs Linux, and root for a disk that gets full.
 */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { drawFault, FAULT_KINDS, type Fault, type FaultKind } from './cluster/faults.ts';
import { type ClusterNode, ClusterScene } from './cluster/scene.ts';
import { ClusterSender, type ClusterTruth } from './cluster/sender.ts';
import { type Stood, stoodStill } from './cluster/still-watch.ts';
import { burstAlarms, toldOnceDifferences } from './cluster/told.ts';
import { idsIn } from './cluster/topic-ids.ts';
import { archivedAll, clusterDifferences, settled } from './cluster/view.ts';
import { seededRandom } from './random.ts';
import { Recorder } from './recorder.ts';
import { grouped, median, saveResult, table } from './results.ts';
import { exitCodeOf } from './scene-failed.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { SmallDisk } from './small-disk.ts';
import { assertNone } from './verify.ts';

const MINUTES = 30;
const MINUTES_MAX = 600;
/** With starting and comparing, five in all. */
const SHORT_MINUTES = 2.5;
const SHORT_SEED = 7;
const PARTITIONS = 12;
const DISK_BYTES = 768 * 2 ** 20;
const EVENTS_PER_SECOND = 600;
/** Of faults, how many come while another one is there. */
const TWO_AT_ONCE = 0.25;
/** A partition that stands still for longer is not recovered. */
const RECOVERY_MS_MAX = 180_000;
const CALM_MS = [500, 4_000] as const;
/** Of requests to the receiver of webhooks, how many get no good answer: what is told again must have the same id. */
const BAD_SHARE = 0.1;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string' },
    seed: { type: 'string' },
    kind: { type: 'string' },
    brokers: { type: 'string', default: '3' },
    short: { type: 'boolean', default: false },
    save: { type: 'boolean', default: false },
  },
});
const seed = Number(options.seed ?? (options.short ? SHORT_SEED : Date.now() % 1_000_000));
const minutes = Math.min(
  Number(options.minutes ?? (options.short ? SHORT_MINUTES : MINUTES)),
  MINUTES_MAX,
);
const only = FAULT_KINDS.find((kind) => kind === options.kind);

interface Suffered {
  readonly faults: readonly Fault[];
  readonly stood: readonly Stood[];
}

const random = seededRandom(seed);
const folder = scratchFolder('cluster-soak');
const diskDir = join(folder, 'log-b', 'data');
const recorder = await Recorder.start({
  ...{ seed, file: join(folder, 'told'), badShare: BAD_SHARE },
});
const scene = await ClusterScene.open({
  ...{
    folder,
    names: ['a', 'b', 'c'],
    partitions: PARTITIONS,
    brokers: options.brokers === '1' ? 1 : 3,
  },
  config: burstAlarms(recorder.webhook),
});
const disk = SmallDisk.mount(diskDir, DISK_BYTES);
const stopping = new Set<ClusterNode>();
const serving = (): readonly ClusterNode[] => scene.running.filter((node) => !stopping.has(node));
const sender = new ClusterSender({
  targets: () => serving().map(({ server }) => server),
  random: seededRandom(seed + 1),
  eventsPerSecond: EVENTS_PER_SECOND,
});
try {
  await soak();
} catch (error) {
  const why = error instanceof Error ? error.message : error;
  process.stdout.write(`the soak of seed ${seed} has failed: ${why}\n`);
  for (const { name, server } of scene.nodes)
    process.stdout.write(`--- ${name}\n${server.logTail()}\n`);
  process.exitCode = exitCodeOf(error);
} finally {
  await sender.close();
  await scene.close();
  recorder.close();
  disk?.unmount();
  removeScratch(folder);
}
process.exit();

async function soak(): Promise<void> {
  if (disk === undefined) process.stdout.write('nothing can be mounted: no disk gets full\n');
  for (const { server } of scene.nodes) server.launch();
  await settled(scene.nodes, RECOVERY_MS_MAX);
  sender.start();
  await sender.burst();
  const suffered: Suffered[] = [];
  const endsAt = performance.now() + minutes * 60_000;
  while (performance.now() < endsAt) {
    suffered.push(await suffer());
    await sleep(random.between(...CALM_MS));
  }
  recorder.becomeGood();
  await settled(scene.nodes, RECOVERY_MS_MAX);
  await sender.drain();
  const truth = sender.truth();
  const found = await differencesIn(truth);
  const text = report(suffered, truth);
  process.stdout.write(`${text}\n`);
  if (options.save) {
    process.stdout.write(`${saveResult('cluster-soak', text, { seed, minutes, suffered })}\n`);
  }
  assertNone('differences from what was acknowledged', found);
}

/** One fault, or two at once, until all is well again; some events are many of their type, during it and afterwards. */
async function suffer(): Promise<Suffered> {
  const first = drawFault({ scene, disk, stopping }, random, only);
  const faults = [first];
  if (random.next() < TWO_AT_ONCE) {
    const second = drawFault({ scene, disk, stopping }, random, only);
    if (second.victim !== first.victim && !areBothBrokers(first, second)) faults.push(second);
  }
  const names = faults.map(({ kind, victim, ms }) => `${kind}: ${victim} for ${ms} ms`);
  process.stdout.write(`${names.join(', and ')}\n`);
  const happening = Promise.all([...faults.map(({ happen }) => happen()), sender.burst()]);
  const stood = await stoodStill(serving, happening, RECOVERY_MS_MAX);
  const lost = stood.filter(({ ms }) => !Number.isFinite(ms));
  if (lost.length > 0) {
    const which = lost.map(({ partition }) => partition).join(' ');
    throw new Error(`partitions ${which} stand still ${RECOVERY_MS_MAX} ms after: ${names}`);
  }
  await settled(scene.nodes, RECOVERY_MS_MAX);
  await sender.burst();
  const slowest = Math.max(...stood.map(({ ms }) => ms));
  process.stdout.write(`  no partition stood still for longer than ${Math.round(slowest)} ms\n`);
  return { faults, stood };
}

/** Two of three have to be there. */
function areBothBrokers(one: Fault, other: Fault): boolean {
  return one.kind.startsWith('broker') && other.kind.startsWith('broker');
}

async function differencesIn(truth: ClusterTruth): Promise<string[]> {
  const found = [...truth.unexpected, ...(await clusterDifferences(scene.nodes, truth, 120_000))];
  const ids = await idsIn(scene.kafka.addresses, scene.topic);
  if (ids.size !== truth.events) {
    found.push(`the topic holds ${ids.size} events, acknowledged ${truth.events}`);
  }
  for (const { name, server } of scene.nodes) {
    const { rows, ids: stored } = await archivedAll(server, truth.events);
    if (rows !== truth.events || stored !== truth.events) {
      found.push(`${name}: the archive has ${rows} rows of ${stored} events, not ${truth.events}`);
    }
  }
  return [...found, ...(await toldOnceDifferences(recorder, truth))];
}

function report(suffered: readonly Suffered[], truth: ClusterTruth): string {
  const byKind = FAULT_KINDS.map((kind) => ({ kind, times: timesOf(suffered, kind) }));
  const rows = byKind.filter(({ times }) => times.length > 0);
  const ms = (value: number) => `${grouped(value)} ms`;
  return [
    `${minutes} minutes, seed ${seed}, 3 nodes, ${scene.kafka.brokers.length} brokers, ${PARTITIONS} partitions: ${grouped(truth.events)} events acknowledged, ` +
      `${grouped(truth.resent)} requests sent again, the slowest acknowledged after ${ms(truth.slowestMs)}; ${truth.bursts.length} bursts.`,
    'How long the slowest partition stood still, of faults that came alone:',
    table(
      [
        { title: 'fault', cell: ({ kind }) => kind },
        { title: 'times', cell: ({ times }) => `${times.length}` },
        { title: 'median', cell: ({ times }) => ms(median(times)) },
        { title: 'worst', cell: ({ times }) => ms(Math.max(...times)) },
      ],
      rows,
    ),
  ].join('\n\n');
}

/** Of those that came alone. */
function timesOf(suffered: readonly Suffered[], kind: FaultKind): number[] {
  return suffered
    .filter(({ faults }) => faults.length === 1 && faults[0]?.kind === kind)
    .map(({ stood }) => Math.max(...stood.map(({ ms }) => ms)));
}
