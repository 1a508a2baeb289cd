/**
 * The journal against a RocksDB column used as a log: synced appends with a reader at their tail, then a replay from
 * the start. `node load-tests/journal-bench.ts [--seconds 3] [--save]`; the reasons are in storage/FORMAT.md.
 */
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import {
  AT,
  BLOCK_HEADER_BYTES,
  BLOCK_KIND,
  checkBlock,
  sealBlock,
} from '../src/model/block-format.ts';
import { offset } from '../src/model/units.ts';
import { openJournal } from '../storage/log/journal.ts';
import { createLogShared } from '../storage/log/log-shared.ts';
import { RocksDatabase } from '../storage/state/rocksdb-binding.ts';
import { grouped, saveResult, table } from './results.ts';

/** As much of a log as is measured. Readers answer the bytes of the blocks that they checked. */
interface Candidate {
  append(block: Uint8Array): Promise<unknown>;
  /** A reader at the start; each call answers what it found next, and 0 only where it cannot wait. */
  reader(): () => Promise<number>;
  close(): Promise<void>;
}

interface Case {
  readonly blockBytes: number;
  readonly callers: number;
}

interface Measured extends Case {
  readonly log: string;
  readonly appendsPerSecond: number;
  readonly appendMegabytesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly loopDelayP99Ms: number;
  readonly cpuSecondsPerGigabyte: number;
  readonly writtenPerByte: number;
  readonly replayMegabytesPerSecond: number;
}

const CASES: readonly Case[] = [
  { blockBytes: 400, callers: 64 },
  { blockBytes: 16_384, callers: 64 },
  { blockBytes: 262_144, callers: 16 },
];
const READ_BYTES = 1 << 20;
const BINARY = { keyEncoding: 'buffer', valueEncoding: 'buffer' } as const;

const candidates: Record<string, (dir: string) => Promise<Candidate>> = {
  journal: openJournalCandidate,
  rocksdb: openRocksCandidate,
};

async function openJournalCandidate(dir: string): Promise<Candidate> {
  const journal = await openJournal({ dir, shared: createLogShared(1) });
  return {
    append: (block) => journal.writer.append([block]),
    reader: () => {
      const reader = journal.openReader(new Map([[0, offset(0)]]));
      return async () => {
        const { blocks } = await reader.read(READ_BYTES);
        return blocks.reduce((sum, block) => sum + block.bytes.length, 0);
      };
    },
    close: () => journal.writer.close(),
  };
}

/** Group commit by hand: what one turn of the event loop appends goes into one synced batch. */
async function openRocksCandidate(dir: string): Promise<Candidate> {
  const db = new RocksDatabase(join(dir, 'log'), {
    createIfMissing: true,
    memtableMemoryBudget: 64 << 20,
    compression: false,
    walCompression: false,
  });
  await db.open();
  let waiting: { key: Buffer; block: Uint8Array; done: () => void }[] = [];
  let next = 0;
  const commit = async (): Promise<void> => {
    const round = waiting;
    waiting = [];
    const batch = db.batch();
    for (const { key, block } of round) batch.put(key, block, BINARY);
    await batch.write({ sync: true });
    for (const { done } of round) done();
  };
  return {
    append: (block) =>
      new Promise<void>((done) => {
        if (waiting.length === 0) setImmediate(() => void commit());
        waiting.push({ key: keyOf(next), block, done });
        next += 1;
      }),
    reader: () => {
      let at = 0;
      return async () => {
        const range = { gte: keyOf(at), lt: keyOf(Number.MAX_SAFE_INTEGER), ...BINARY };
        const iterator = db.iterator({ ...range, highWaterMarkBytes: READ_BYTES });
        const rows = await iterator.nextv(4096);
        await iterator.close();
        at += rows.length;
        let bytes = 0;
        for (const [, block] of rows) {
          checkBlock(block);
          bytes += block.length;
        }
        return bytes;
      };
    },
    close: () => db.close(),
  };
}

function keyOf(sequence: number): Buffer {
  const key = Buffer.alloc(8);
  key.writeBigUInt64BE(BigInt(sequence));
  return key;
}

async function measure(log: string, one: Case, seconds: number): Promise<Measured> {
  const dir = mkdtempSync(join(tmpdir(), 'streamgauge-journal-bench-'));
  const candidate = await (candidates[log] as (dir: string) => Promise<Candidate>)(dir);
  const blocks = Array.from({ length: 32 }, () => sealedBlock(one.blockBytes));
  const blockAt = (index: number): Uint8Array => blocks[index % blocks.length] as Uint8Array;
  const latencies: number[] = [];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const written = writtenBytes();
  const start = performance.now();
  const end = start + seconds * 1000;
  let tailed = 0;
  let appending = true;
  const tail = (async () => {
    const read = candidate.reader();
    while (appending || tailed < latencies.length * one.blockBytes) {
      tailed += (await read()) || (await nextTurn());
    }
  })();
  const caller = async (): Promise<void> => {
    while (performance.now() < end) {
      const before = performance.now();
      await candidate.append(blockAt(latencies.length));
      latencies.push(performance.now() - before);
    }
  };
  await Promise.all(Array.from({ length: one.callers }, caller));
  const elapsed = (performance.now() - start) / 1000;
  appending = false;
  // The journal's reader waits for what is new: one more block lets it see that this was the end.
  await candidate.append(blockAt(0));
  await tail;
  delay.disable();
  const used = process.cpuUsage(cpu);
  const payload = latencies.length * one.blockBytes;
  const replay = await replayRate(candidate, payload);
  await candidate.close();
  const wroteBytes = writtenBytes() - written;
  rmSync(dir, { recursive: true });
  latencies.sort((a, b) => a - b);
  const quantile = (q: number): number => latencies[Math.floor(q * (latencies.length - 1))] ?? 0;
  return {
    ...one,
    log,
    appendsPerSecond: latencies.length / elapsed,
    appendMegabytesPerSecond: payload / elapsed / 1e6,
    p50Ms: quantile(0.5),
    p99Ms: quantile(0.99),
    loopDelayP99Ms: delay.percentile(99) / 1e6,
    cpuSecondsPerGigabyte: (used.user + used.system) / 1e6 / (payload / 1e9),
    writtenPerByte: wroteBytes / payload,
    replayMegabytesPerSecond: replay,
  };
}

async function replayRate(candidate: Candidate, payload: number): Promise<number> {
  const read = candidate.reader();
  const start = performance.now();
  let bytes = 0;
  while (bytes < payload) bytes += await read();
  return bytes / 1e3 / (performance.now() - start);
}

/** Random, so that nothing below gains from compressing it: how well events compress is another question. */
function sealedBlock(length: number): Uint8Array {
  const block = new Uint8Array(length);
  randomFillSync(block);
  block.fill(0, 0, BLOCK_HEADER_BYTES);
  block[AT.kind] = BLOCK_KIND.events;
  sealBlock(block);
  return block;
}

/** Bytes this process has sent towards the disk, compaction and metadata of its own included. */
const writtenBytes = (): number =>
  Number(/^write_bytes: (\d+)/m.exec(readFileSync('/proc/self/io', 'latin1'))?.[1]);

const nextTurn = (): Promise<0> => new Promise((resolve) => setImmediate(() => resolve(0)));

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '3' }, save: { type: 'boolean', default: false } },
});
const results: Measured[] = [];
for (const one of CASES) {
  for (const log of Object.keys(candidates)) {
    results.push(await measure(log, one, Number(values.seconds)));
  }
}
const text = table<Measured>(
  [
    { title: 'log', cell: (row) => row.log },
    { title: 'block B', cell: (row) => grouped(row.blockBytes) },
    { title: 'callers', cell: (row) => String(row.callers) },
    { title: 'appends/s', cell: (row) => grouped(row.appendsPerSecond) },
    { title: 'MB/s', cell: (row) => grouped(row.appendMegabytesPerSecond) },
    { title: 'p50 ms', cell: (row) => row.p50Ms.toFixed(2) },
    { title: 'p99 ms', cell: (row) => row.p99Ms.toFixed(2) },
    { title: 'loop p99 ms', cell: (row) => row.loopDelayP99Ms.toFixed(1) },
    { title: 'CPU s/GB', cell: (row) => row.cpuSecondsPerGigabyte.toFixed(1) },
    { title: 'written/byte', cell: (row) => row.writtenPerByte.toFixed(2) },
    { title: 'replay MB/s', cell: (row) => grouped(row.replayMegabytesPerSecond) },
  ],
  results,
);
console.log(text);
if (values.save) console.log(saveResult('journal', text, { results }));
