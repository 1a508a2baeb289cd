/** What the server answers about the storm, each in its own way: the export of single events, a rollup, the ledger. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LOSSES_TYPE } from '../../src/client/client.ts';
import { LOSSES } from '../../src/client/losses.ts';
import type { Server } from '../server.ts';
import type { Timeseries } from '../verify.ts';
import type { Answers, Stored } from './judge.ts';

export const STREAM = 'events';
export const ROLLUP = {
  name: 'by_tab',
  stream: STREAM,
  dimensions: ['tab'],
  measures: ['count'],
} as const;

/** Clocks are wrong by less. */
const AROUND_MS = 3 * 3_600_000;
const COMMITTED_MS_MAX = 120_000;
const POLL_MS = 100;

interface Line {
  readonly type: string;
  readonly ts: number | string;
  readonly [field: string]: unknown;
}

/** Once nothing is pending, and all that counts is committed. */
export async function answers(server: Server, sinceMs: number): Promise<Answers> {
  const ledger = await server.caughtUp(STREAM);
  const lines = await committed(server, ledger.applied);
  const told = lines.filter(({ type }) => type === LOSSES_TYPE);
  return {
    stored: lines.filter(({ type }) => type === 'storm').map(storedOf),
    losses: Object.fromEntries(LOSSES.map((loss) => [loss, sumOf(told, loss)])),
    lossEvents: told.length,
    byTab: await byTab(server, sinceMs),
    ledger,
  };
}

const sumOf = (lines: readonly Line[], field: string): number =>
  lines.reduce((sum, line) => sum + Number(line[field] ?? 0), 0);

const storedOf = ({ ts, ...fields }: Line): Stored => ({
  life: String(fields['life']),
  n: Number(fields['n']),
  ts: new Date(ts).getTime(),
  trueMs: Number(fields['trueMs']),
});

/** All events, as soon as they are as many as were applied; more or fewer are for the judge. */
async function committed(server: Server, applied: number): Promise<Line[]> {
  const deadline = performance.now() + COMMITTED_MS_MAX;
  for (;;) {
    const lines = await exported(server);
    if (lines.length >= applied || performance.now() > deadline) return lines;
    await sleep(POLL_MS);
  }
}

async function exported({ host, queryPort }: Server): Promise<Line[]> {
  const url = `http://${host}:${queryPort}/v1/export?stream=${STREAM}&format=ndjson`;
  const response = await fetch(url, { signal: AbortSignal.timeout(COMMITTED_MS_MAX) });
  const text = await response.text();
  if (!response.ok) throw new Error(`export: ${response.status} ${text}`);
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
}

async function byTab(server: Server, sinceMs: number): Promise<Map<string, number>> {
  const stepMs = 3_600_000;
  const { timeseries } = await server.query<Timeseries>(
    `query ($from: Timestamp!, $to: Timestamp!) {
      timeseries(stream: "${STREAM}", from: $from, to: $to, step: "1h", groupBy: ["tab"], measures: [{op: count}]) {
        series { labels { name value } points { t values { value errorBound } } }
      }
    }`,
    {
      from: Math.floor((sinceMs - AROUND_MS) / stepMs) * stepMs,
      to: Math.ceil((Date.now() + AROUND_MS) / stepMs) * stepMs,
    },
  );
  const counts = new Map<string, number>();
  for (const { labels, points } of timeseries.series) {
    const tab = labels[0]?.value;
    const count = points.reduce((sum, { values }) => sum + (values[0]?.value ?? 0), 0);
    if (typeof tab === 'string') counts.set(tab, count);
  }
  return counts;
}
