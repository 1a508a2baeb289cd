/**
 * What the window of duplicates costs per id while it fills, when it is full, and for ids that it knows:
 * `node load-tests/dedup-bench.ts [--ids 16000000] [--save]`. Time is the process's CPU time, so that other work on the
 * machine takes nothing but cache and memory bandwidth from it.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { Dedup } from '../actors/partition/dedup.ts';
import type { LabelColumn } from '../src/aggregate/block-columns.ts';
import { grouped, saveResult, table } from './results.ts';

const ROWS = 8_000;
const BYTES_MAX = 256 * 2 ** 20;

const { values } = parseArgs({
  options: {
    ids: { type: 'string', default: '16000000' },
    save: { type: 'boolean', default: false },
  },
});
const idsMax = Number(values.ids);
const dedup = new Dedup(
  { idsMax, bytesMax: BYTES_MAX, offsetsMax: Number.MAX_SAFE_INTEGER },
  [1, 2],
);
const keep = new Uint8Array(ROWS);
let offset = 0;

/** Only the hashes of ids are read; these are as different as those of real ones. */
function idsFrom(first: number): LabelColumn {
  const codes = new Uint32Array(ROWS);
  const low = new Uint32Array(ROWS);
  const high = new Uint32Array(ROWS);
  for (let i = 0; i < ROWS; i++) {
    codes[i] = i + 1;
    low[i] = Math.imul(first + i, 0x9e3779b1) ^ 0x5bd1e995;
    high[i] = Math.imul((first + i) ^ 0x27d4eb2f, 0x85ebca6b);
  }
  const entries = { count: ROWS, offsets: new Uint32Array(1), bytes: new Uint8Array(0) };
  return { codes, low, high, entries };
}

interface Cost {
  readonly nsPerId: number;
  /** Of the most expensive block: for so long nothing else happens on the partition's thread. */
  readonly longestMs: number;
}

/** CPU that `count` ids take, in blocks. */
function judge(count: number, first: number): Cost {
  let micros = 0;
  let longest = 0;
  for (let done = 0; done < count; done += ROWS) {
    const ids = idsFrom(first + done);
    keep.fill(1);
    const before = process.cpuUsage();
    dedup.judge('tenant\0events', ids, ROWS, keep, offset, 0);
    const { user, system } = process.cpuUsage(before);
    micros += user + system;
    longest = Math.max(longest, user + system);
    offset += 8;
  }
  return { nsPerId: (micros * 1_000) / count, longestMs: longest / 1_000 };
}

const MILLION = 1_000_000;
const rows = [
  { what: 'the first million ids, growth of the table included', ...judge(MILLION, 0) },
  { what: 'until the window is full', ...judge(idsMax, MILLION) },
  { what: 'new ids, window full', ...judge(2 * MILLION, idsMax + MILLION) },
  { what: 'known ids, window full', ...judge(MILLION, idsMax + 2 * MILLION) },
];
const { ids, bytes } = dedup.window();
const text = [
  table(
    [
      { title: 'case', cell: ({ what }: (typeof rows)[number]) => what },
      { title: 'ns of CPU per id', cell: ({ nsPerId }) => nsPerId.toFixed(0) },
      {
        title: `longest block of ${grouped(ROWS)}, ms`,
        cell: ({ longestMs }) => longestMs.toFixed(1),
      },
    ],
    rows,
  ),
  '',
  `The window then holds ${grouped(ids)} ids in ${grouped(bytes)} bytes, in ${dedup.marks().length} generations.`,
  `Load average of the machine meanwhile: ${(loadavg()[0] ?? 0).toFixed(1)}, of which this takes 1.`,
].join('\n');
console.log(text);
if (values.save) console.log(saveResult('dedup', text, { rows, ids, bytes }));
