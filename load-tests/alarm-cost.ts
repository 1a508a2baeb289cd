/** What it costs to judge many groups every second: CPU by thread, with and without the rules. */
import { setTimeout as sleep } from 'node:timers/promises';
import { postEvents } from './post-events.ts';
import { grouped, percent, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { type ThreadUsage, threadUsage } from './thread-usage.ts';
import { STREAM } from './workload.ts';

/** Ten rules of a thousand groups each, and one of quantiles. Every group has events in every second. */
const COUNTED_GROUPS = 1_000;
const COUNT_RULES = 10;
const QUANTILE_GROUPS = 500;
/** Of each group and second: a window holds 600. */
const QUANTILE_EVENTS = 10;
const WINDOW_S = 60;
const SENDS_PER_SECOND = 10;
const WARM_UP_MS = 5_000;
/** As little as possible beside the rules. */
const PLAIN_ROLLUP = { name: 'all', stream: STREAM, dimensions: [], measures: ['count'] };
/** Wanted: less than this part of one core. */
const SHARE_MAX = 0.2;

export interface Shares {
  readonly rules: string;
  /** CPU seconds per second. */
  readonly shares: ThreadUsage;
  /** That exist at the end. */
  readonly groups: number;
  readonly evaluationsPerSecond: number;
  readonly lagMs: number;
}

export interface CostOptions {
  readonly seconds: number;
  readonly partitions: number;
}

export async function measureCost(options: CostOptions): Promise<Shares[]> {
  return [
    await costOf('none', [], options),
    await costOf('10,000 counts and sums', countRules(), options),
    await costOf('and 500 quantiles', [...countRules(), quantileRule()], options),
  ];
}

function countRules(): Record<string, unknown>[] {
  return Array.from({ length: COUNT_RULES }, (_, i) => ({
    ...{ name: `count_${i}`, groupBy: ['item'], groupsMax: 2 * COUNTED_GROUPS },
    ...{ measure: i % 2 === 0 ? 'count' : 'sum(amount)', above: 1e9 + i },
    ...{ window: `${WINDOW_S}s`, every: '1s', lateness: '500ms' },
  }));
}

const quantileRule = (): Record<string, unknown> => ({
  ...{ name: 'slow', stream: 'slow', groupBy: ['item'], groupsMax: 2 * QUANTILE_GROUPS },
  ...{ measure: 'quantile(ms, 0.99)', above: 1e9 },
  ...{ window: `${WINDOW_S}s`, every: '1s', lateness: '500ms' },
});

async function costOf(
  name: string,
  rules: readonly Record<string, unknown>[],
  { seconds, partitions }: CostOptions,
): Promise<Shares> {
  const folder = scratchFolder('alarm-bench');
  const config = { alarms: { rules, server: { enabled: false } }, rollups: [PLAIN_ROLLUP] };
  const server = await Server.prepare({ folder, partitions, config });
  const stop = new AbortController();
  try {
    await server.start();
    const sending = sendItems(server, stop.signal);
    await sleep(WARM_UP_MS + (rules.length > 0 ? WINDOW_S * 1_000 : 0));
    const before = await sample(server);
    const startedAt = performance.now();
    await sleep(seconds * 1_000);
    const after = await sample(server);
    const passedS = (performance.now() - startedAt) / 1_000;
    stop.abort();
    await sending;
    await server.stop();
    const share = (thread: keyof ThreadUsage) =>
      (after.usage[thread] - before.usage[thread]) / passedS;
    return {
      rules: name,
      shares: {
        main: share('main'),
        partitions: share('partitions'),
        edge: share('edge'),
        others: share('others'),
      },
      groups: after.groups,
      evaluationsPerSecond: (after.evaluations - before.evaluations) / passedS,
      lagMs: after.lagMs,
    };
  } finally {
    stop.abort();
    await server.kill();
    removeScratch(folder);
  }
}

interface BoardAnswer {
  readonly alarmBoard: { readonly evaluations: number; readonly lagMs: number };
  readonly alarmRules: readonly { readonly groups: number }[];
}
const BOARD = '{ alarmBoard { evaluations lagMs } alarmRules { groups } }';

async function sample(server: Server) {
  const { alarmBoard, alarmRules } = await server.query<BoardAnswer>(BOARD);
  const groups = alarmRules.reduce((sum, rule) => sum + rule.groups, 0);
  return { usage: threadUsage(server.pid), groups, ...alarmBoard };
}

/** Events of each item in each second, spread evenly over it. */
async function sendItems(server: Server, signal: AbortSignal): Promise<void> {
  for (let sending = 0; !signal.aborted; sending++) {
    const nextAt = performance.now() + 1_000 / SENDS_PER_SECOND;
    const part = sending % SENDS_PER_SECOND;
    await postEvents(server, STREAM, linesOf(COUNTED_GROUPS, 1, part, 'amount'));
    await postEvents(server, 'slow', linesOf(QUANTILE_GROUPS, QUANTILE_EVENTS, part, 'ms'));
    await sleep(Math.max(0, nextAt - performance.now()));
  }
}

/** Of a part of the items, so many events each. */
function linesOf(items: number, events: number, part: number, field: string): string {
  const perPart = items / SENDS_PER_SECOND;
  const ts = Date.now();
  return Array.from({ length: perPart * events }, (_, i) => {
    const item = `item-${part * perPart + (i % perPart)}`;
    return JSON.stringify({ ts, type: 'item', key: item, item, [field]: (ts * (i + 7)) % 997 });
  }).join('\n');
}

export function costText(rows: readonly Shares[], { seconds, partitions }: CostOptions): string[] {
  const none = rows[0]?.shares.main ?? 0;
  return [
    `Groups with events in every second, windows of ${WINDOW_S} s, all judged every second, ${partitions} partitions, ` +
      `${grouped(COUNTED_GROUPS + QUANTILE_GROUPS * QUANTILE_EVENTS)} events/s, ${seconds} s. CPU of one core by thread; wanted: main less than ` +
      `${percent(SHARE_MAX)} above none, edge nothing.`,
    '',
    table(
      [
        { title: 'rules', cell: ({ rules }: Shares) => rules },
        { title: 'groups', cell: ({ groups }) => grouped(groups) },
        { title: 'main', cell: ({ shares }) => percent(shares.main) },
        { title: 'main above none', cell: ({ shares }) => percent(shares.main - none) },
        { title: 'edge', cell: ({ shares }) => percent(shares.edge) },
        { title: 'partitions', cell: ({ shares }) => percent(shares.partitions) },
        { title: 'others', cell: ({ shares }) => percent(shares.others) },
        { title: 'rule ticks/s', cell: (row) => row.evaluationsPerSecond.toFixed(1) },
        { title: 'lag ms', cell: ({ lagMs }) => grouped(lagMs) },
      ],
      rows,
    ),
    '',
  ];
}
