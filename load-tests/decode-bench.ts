/**
 * How fast bytes become columns and columns become blocks, on one core:
 * `node load-tests/decode-bench.ts [--seconds 3] [--save]`. Results with dates: load-tests/results/.
 *
 * The events are those of the main benchmark in kind: about 200 bytes, 10 or 11 fields, three kinds of clients mixed
 * line by line, unique ids, 100,000 users, 1,000 skewed urls, 5 types, 20 countries. Bodies are made once and their ids
 * renewed in place before each use, outside of the measured time. Time is the thread's CPU time: other work on the machine
 * slows it by shared caches only.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
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

interface Timing {
  readonly name: string;
  readonly eventsPerSecond: number;
  readonly note: string;
}

function measure(): Timing[] {
  const seconds = Number(options.seconds);
  const decoder = new StreamDecoder(DEFAULT_DECODE_LIMITS, () => {
    throw new Error('a batch of the benchmark must not fill up');
  });
  const form = options.form === 'json' ? 'json' : 'ndjson';
  const spent = { decode: 0, parse: 0, pack1: 0, pack12: 0, longestMs: 0 };
  let events = 0;
  let parsed = 0;
  let bodyBytes = 0;
  let blockBytes = 0;
  let warm = false;
  const bodies = Array.from({ length: BODIES }, makeBody);
  const lap = (work: () => void): number => {
    const wallMs = performance.now();
    const start = process.threadCpuUsage();
    work();
    const { user, system } = process.threadCpuUsage(start);
    spent.longestMs = Math.max(spent.longestMs, performance.now() - wallMs);
    return (user + system) / 1e3;
  };
  const until = performance.now() + 1e3 * (seconds + 1);
  for (let round = 0; performance.now() < until; round++) {
    if (!warm && until - performance.now() < seconds * 1e3) {
      warm = true;
      for (const key of Object.keys(spent) as (keyof typeof spent)[]) spent[key] = 0;
      events = parsed = bodyBytes = blockBytes = 0;
    }
    const some = Array.from({ length: 8 }, (_, i) => bodies[(round * 8 + i) % BODIES] as Body);
    some.forEach(renewIds);
    spent.decode += lap(() => {
      for (const { bytes } of some) {
        decoder.decode(form, bytes, 1_790_000_000_000);
        bodyBytes += bytes.length;
      }
    });
    spent.pack1 += lap(() => {
      blockBytes += pack(decoder.batch, 1);
    });
    spent.pack12 += lap(() => pack(decoder.batch, 12));
    events += decoder.batch.rows;
    spent.decode += lap(() => decoder.batch.reset());
    if (round % 16 === 0 && form === 'ndjson') {
      const lines = Buffer.from((some[0] as Body).bytes)
        .toString()
        .trimEnd()
        .split('\n');
      parsed += lines.length;
      spent.parse += lap(() => {
        for (const line of lines) JSON.parse(line);
      });
    }
  }
  const rate = (count: number, ms: number) => Math.round(count / (ms / 1e3));
  return [
    {
      name: `${form} to columns`,
      eventsPerSecond: rate(events, spent.decode),
      note: `${(bodyBytes / events).toFixed(0)} bytes an event; longest step ${spent.longestMs.toFixed(1)} ms`,
    },
    {
      name: 'columns to 1 block of 8,000 rows',
      eventsPerSecond: rate(events, spent.pack1),
      note: `${(blockBytes / events).toFixed(1)} bytes an event`,
    },
    { name: 'columns to 12 blocks', eventsPerSecond: rate(events, spent.pack12), note: '' },
    {
      name: 'JSON.parse alone, for comparison',
      eventsPerSecond: rate(parsed, spent.parse),
      note: 'objects only, nothing kept',
    },
  ];
}

const timings = measure();
console.table(timings);
if (options.save) {
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD']).toString().trim();
  const date = new Date().toISOString().slice(0, 10);
  const machine = `${cpus().length} x ${cpus()[0]?.model ?? 'unknown CPU'}, Node ${process.version}`;
  const path = new URL(`results/${date}-decode.json`, import.meta.url);
  writeFileSync(path, `${JSON.stringify({ date, commit, machine, timings }, null, 2)}\n`);
}
