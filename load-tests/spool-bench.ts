/**
 * Brokers that are away for minutes: `node load-tests/spool-bench.ts [--minutes 5] [--rate 20000] [--save]`. A server with a spool
 * under a steady load; the broker is killed, comes back, and what was spooled is drained under the same load. No request may be refused,
 * and afterwards each acknowledged event has to be counted once.
 */
import { ok as assert } from 'node:assert';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startKafka } from '../deploy/local/kafka.ts';
import type { Measured } from './generator/protocol.ts';
import { Generator } from './generator.ts';
import { loadOptions, MAIN_CASE } from './load-case.ts';
import { grouped, megabytes, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { assertNone, differences } from './verify.ts';

const BEFORE_MS = 10_000;
const POLL_MS = 100;

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '5' },
    rate: { type: 'string', default: '20000' },
    save: { type: 'boolean', default: false },
  },
});
const eventsPerSecond = Number(options.rate);

interface Counts {
  readonly events: number;
  readonly bytes: number;
}
interface Spool {
  readonly spooling: boolean;
  readonly waiting: Counts;
  readonly drained: Counts;
  readonly switches: number;
}

/** One of: before, away, drained. */
interface Phase {
  readonly name: string;
  readonly measured: Measured;
  readonly rssBytes: number;
  /** At its end. */
  readonly spool: Spool;
}

const folder = scratchFolder('spool-bench');
const kafka = await startKafka({ dir: join(folder, 'kafka') });
const log = { type: 'kafka', kafka: { brokers: [...kafka.addresses], spool: 'local' } };
const server = await Server.prepare({
  folder: join(folder, 'site'),
  partitions: 4,
  config: { log },
});
const generator = new Generator();
try {
  await server.start();
  const load = loadOptions({ ...MAIN_CASE, eventsPerBody: 100 }, server, { eventsPerSecond });
  await generator.ask({ type: 'prepare', options: load });
  await generator.ask({ type: 'resume' });
  await sleep(BEFORE_MS);
  const phases = [await phase('brokers there')];
  await kafka.broker.kill();
  await sleep(Number(options.minutes) * 60_000);
  phases.push(await phase('brokers away'));
  await kafka.broker.start();
  const drain = await drained();
  phases.push(await phase('drained, until events go to the log directly'));
  await sleep(BEFORE_MS);
  phases.push(await phase('brokers there again'));
  await generator.ask({ type: 'drain' });
  const truth = await generator.ask({ type: 'truth' });
  assertNone(
    'differences',
    await differences(server, { ...truth, resent: Number.POSITIVE_INFINITY }),
  );
  const refused = phases.reduce((sum, { measured }) => sum + measured.refused, 0);
  assert(refused === 0, `expected no refused request, received ${refused}`);
  const ledger = await server.ledger();
  const text = [
    tableOf(phases),
    '',
    `${grouped(drain.events)} events (${megabytes(drain.bytes)}) went from the spool into the topic in ${drain.seconds.toFixed(1)} s: ` +
      `${grouped(drain.events / drain.seconds)} a second, beside ${grouped(eventsPerSecond)} a second that came in.`,
    `${grouped(truth.events)} events were acknowledged, none refused; ${grouped(ledger.applied)} are applied, ` +
      `${grouped(ledger.duplicate)} came in blocks that were sent again and are dropped; the ledger balances.`,
  ].join('\n');
  process.stdout.write(`${text}\n`);
  if (options.save) saveResult('spool', text, { eventsPerSecond, phases, drain, ledger });
} catch (error) {
  process.stderr.write(`${server.logTail()}\n`);
  throw error;
} finally {
  generator.close();
  await server.kill();
  await kafka.stop();
  removeScratch(folder);
}

async function phase(name: string): Promise<Phase> {
  const measured = await generator.ask({ type: 'measure' });
  assertNone('answers that no correct server gives', measured.unexpected);
  return { name, measured, rssBytes: server.usage().rssBytes, spool: await spoolNow() };
}

/** Resolves when events go to the log again; the time is from the first that was drained to the last that waited. */
async function drained(): Promise<Counts & { readonly seconds: number }> {
  const before = (await spoolNow()).drained;
  let startedAt: number | undefined;
  let emptyAt: number | undefined;
  let emptied = before;
  for (;;) {
    const { spooling, waiting, drained: now } = await spoolNow();
    if (now.events > before.events) startedAt ??= performance.now();
    if (startedAt !== undefined && waiting.events < eventsPerSecond / 4 && emptyAt === undefined) {
      emptyAt = performance.now();
      emptied = now;
    }
    if (!spooling && startedAt !== undefined && emptyAt !== undefined) {
      return {
        events: emptied.events - before.events,
        bytes: emptied.bytes - before.bytes,
        seconds: (emptyAt - startedAt) / 1_000,
      };
    }
    await sleep(POLL_MS);
  }
}

async function spoolNow(): Promise<Spool> {
  const fields = 'spooling switches waiting { events bytes } drained { events bytes }';
  const { spool } = await server.query<{ spool: Spool }>(`{ spool { ${fields} } }`);
  return spool;
}

function tableOf(phases: readonly Phase[]): string {
  return table<Phase>(
    [
      { title: 'phase', cell: ({ name }) => name },
      { title: 'seconds', cell: ({ measured }) => grouped(measured.seconds) },
      {
        title: 'events/s',
        cell: ({ measured }) => grouped(measured.events / measured.seconds),
      },
      { title: 'p50 ms', cell: ({ measured }) => measured.latencyMs.p50.toFixed(1) },
      { title: 'p99 ms', cell: ({ measured }) => measured.latencyMs.p99.toFixed(1) },
      { title: 'max ms', cell: ({ measured }) => measured.latencyMs.max.toFixed(0) },
      { title: 'refused', cell: ({ measured }) => grouped(measured.refused) },
      { title: 'in the spool', cell: ({ spool }) => grouped(spool.waiting.events) },
      { title: 'RSS', cell: ({ rssBytes }) => megabytes(rssBytes) },
    ],
    phases,
  );
}
