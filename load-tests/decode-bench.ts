/**
 * How fast bytes become columns and columns become blocks, on one core:
 * `node load-tests/decode-bench.ts [--seconds 3] [--save]`. Results with dates: load-tests/results/.
 *
 * The events are those of the main benchmark in kind: about 200 bytes, 10 or 11 fields, three kinds of clients mixed
 * line by line, unique ids, 100,000 users, 1,000 skewed urls, 5 types, 20 countries. Bodies are made once and their ids
 * renewed in place before each use, outside of the measured time. Two rates: the mean by the thread's CPU time, which
 * other work on the machine still slows by shared caches and cores, and that of the fastest twentieth of the laps.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import type { ColumnBatch } from '../src/ingest/decode/column-batch.ts';
import { StreamDecoder } from '../src/ingest/decode/decoder.ts';
import { DEFAULT_DECODE_LIMITS } from '../src/ingest/decode/limits.ts';
import { packBlock } from '../src/model/block-writer.ts';

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    form: { type: 'string', default: 'ndjson' },
    save: { type: 'boolean', default: false },
  },
});

const LINES_PER_BODY = 1000;
const BODIES = 128;
const TYPES = [
  'page_view',
  'page_view',
  'page_view',
  'click',
  'click',
  'api_call',
  'purchase',
  'error',
];
const COUNTRIES = 'US DE IN BR GB FR JP CA AU NL ES IT MX SE PL CH AT KR ZA NZ'.split(' ');

/** Mulberry32: small, seeded, good enough for choices. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

const next = random(20_261_121);
const below = (n: number): number => Math.floor(next() * n);
const skewed = (n: number): number => Math.floor(n * next() ** 3);
let made = 0;

function eventLine(): string {
  const id =
    (made++).toString(36).padStart(12, '0') +
    below(36 ** 4)
      .toString(36)
      .padStart(4, '0');
  const ts = 1_790_000_000_000 + made;
  const type = TYPES[below(TYPES.length)];
  const user = `u-${100_000 + below(100_000)}`;
  const country = COUNTRIES[skewed(20)];
  const url = `/shop/category-${skewed(1000)}`;
  const duration_ms = Math.round(Math.exp(next() * 8));
  const session = `s${below(36 ** 6).toString(36)}`;
  const status = next() < 0.95 ? 200 : 500;
  switch (below(3)) {
    case 0: {
      const browser = ['Chrome', 'Safari', 'Firefox'][below(3)];
      const viewport = ['1920x1080', '390x844'][below(2)];
      return JSON.stringify({
        id,
        ts,
        type,
        user,
        url,
        country,
        duration_ms,
        session,
        browser,
        viewport,
      });
    }
    case 1: {
      const device = ['iPhone15,2', 'SM-S911B', 'Pixel 8'][below(3)];
      const online = next() < 0.9;
      return JSON.stringify({
        ts,
        id,
        type,
        device,
        user,
        url,
        session,
        country,
        duration_ms,
        app: '4.12.0',
        online,
      });
    }
    default: {
      const service = ['checkout', 'catalog', 'login'][below(3)];
      const host = `node-${below(40)}`;
      return JSON.stringify({
        type,
        id,
        ts,
        service,
        host,
        user,
        url,
        country,
        duration_ms,
        status,
        retry: false,
      });
    }
  }
}

interface Body {
  readonly bytes: Uint8Array;
  /** Where each id's 16 bytes start. */
  readonly ids: Uint32Array;
}

function makeBody(): Body {
  const lines = Array.from({ length: LINES_PER_BODY }, eventLine);
  const text = options.form === 'json' ? `[${lines.join(',')}]` : `${lines.join('\n')}\n`;
  const ids = [...text.matchAll(/"id":"/g)].map(({ index }) => index + 6);
  return { bytes: new Uint8Array(Buffer.from(text)), ids: new Uint32Array(ids) };
}

let renewed = 0;
function renewIds({ bytes, ids }: Body): void {
  for (const at of ids) {
    let n = renewed++;
    for (let i = 11; i >= 4; i--, n = Math.floor(n / 10)) bytes[at + i] = 0x30 + (n % 10);
  }
}

/** Packs a batch whole, or by partition as the edge does: one counting pass, then a block per partition. */
function pack(batch: ColumnBatch, partitions: number): number {
  const columns = batch.columns();
  const header = {
    kind: 1,
    tenant: 'default',
    stream: 'events',
    arrivalMs: 1_790_000_000_000,
  } as const;
  const rest = { producerId: 1, producerEpoch: 1, sequence: 1, rejected: 0 };
  if (partitions === 1) {
    const rows = { count: batch.rows, index: undefined };
    return packBlock({ ...header, ...rest, partition: 0, received: rows.count }, columns, rows)
      .length;
  }
  const counts = new Uint32Array(partitions + 1);
  for (let i = 0; i < batch.rows; i++)
    counts[((batch.partitionHash[i] as number) % partitions) + 1]!++;
  for (let p = 0; p < partitions; p++) counts[p + 1]! += counts[p]!;
  const starts = counts.slice();
  const order = new Uint32Array(batch.rows);
  for (let i = 0; i < batch.rows; i++)
    order[starts[(batch.partitionHash[i] as number) % partitions]!++] = i;
  let bytes = 0;
  for (let p = 0; p < partitions; p++) {
    const index = order.subarray(counts[p], counts[p + 1]);
    const rows = { count: index.length, index };
    bytes += packBlock(
      { ...header, ...rest, partition: p, received: rows.count },
      columns,
      rows,
    ).length;
  }
  return bytes;
}

/** Laps of one kind of work. */
class Stopwatch {
  readonly #wallMs: number[] = [];
  #cpuMs = 0;
  #events = 0;

  lap(events: number, work: () => void): void {
    const cpu = process.threadCpuUsage();
    const wall = performance.now();
    work();
    this.#wallMs.push((performance.now() - wall) / events);
    const { user, system } = process.threadCpuUsage(cpu);
    this.#cpuMs += (user + system) / 1e3;
    this.#events += events;
  }

  clear(): void {
    this.#wallMs.length = 0;
    this.#cpuMs = 0;
    this.#events = 0;
  }

  result(name: string): Timing {
    const laps = this.#wallMs.toSorted((a, b) => a - b);
    const fast = laps[Math.floor(laps.length / 20)] as number;
    const perSecond = (ms: number) => Math.round(1e3 / ms);
    return { name, mean: perSecond(this.#cpuMs / this.#events), undisturbed: perSecond(fast) };
  }
}

/** Events per second. */
interface Timing {
  readonly name: string;
  readonly mean: number;
  readonly undisturbed: number;
}

function measure(): { timings: Timing[]; bytesPerEvent: Record<string, number> } {
  const seconds = Number(options.seconds);
  const form = options.form === 'json' ? 'json' : 'ndjson';
  const decoder = new StreamDecoder(DEFAULT_DECODE_LIMITS, () => {
    throw new Error('a batch of the benchmark must not fill up');
  });
  const bodies = Array.from({ length: BODIES }, makeBody);
  const watches = {
    decode: new Stopwatch(),
    one: new Stopwatch(),
    twelve: new Stopwatch(),
    parse: new Stopwatch(),
  };
  let bodyBytes = 0;
  let blockBytes = 0;
  let events = 0;
  const warmUntil = performance.now() + 1e3;
  let warm = false;
  for (let round = 0; performance.now() < warmUntil + seconds * 1e3; round++) {
    if (!warm && performance.now() > warmUntil) {
      warm = true;
      for (const watch of Object.values(watches)) watch.clear();
      bodyBytes = blockBytes = events = 0;
    }
    const some = Array.from({ length: 8 }, (_, i) => bodies[(round * 8 + i) % BODIES] as Body);
    some.forEach(renewIds);
    const count = some.length * LINES_PER_BODY;
    watches.decode.lap(count, () => {
      decoder.batch.reset();
      for (const { bytes } of some) decoder.decode(form, bytes, 1_790_000_000_000);
    });
    watches.one.lap(count, () => {
      blockBytes += pack(decoder.batch, 1);
    });
    watches.twelve.lap(count, () => {
      pack(decoder.batch, 12);
    });
    events += count;
    bodyBytes += some.reduce((sum, { bytes }) => sum + bytes.length, 0);
    if (round % 8 === 0 && form === 'ndjson') {
      const lines = Buffer.from((some[0] as Body).bytes)
        .toString()
        .trimEnd()
        .split('\n');
      watches.parse.lap(lines.length, () => {
        for (const line of lines) JSON.parse(line);
      });
    }
  }
  const timings = [
    watches.decode.result(`${form} to columns`),
    watches.one.result('columns to 1 block of 8,000 rows'),
    watches.twelve.result('columns to 12 blocks, rows sorted out'),
  ];
  if (form === 'ndjson') timings.push(watches.parse.result('JSON.parse of each line alone'));
  return { timings, bytesPerEvent: { body: bodyBytes / events, block: blockBytes / events } };
}

const { timings, bytesPerEvent } = measure();
console.table(timings);
console.log(bytesPerEvent);
if (options.save) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`;
  const load = loadavg().map((n) => Math.round(n * 10) / 10);
  const path = new URL(`results/${date}-decode.json`, import.meta.url);
  writeFileSync(
    path,
    `${JSON.stringify({ date, commit, machine, load, timings, bytesPerEvent }, null, 2)}\n`,
  );
}
