/** What `streamgauge top` shows, as lines of text. Pure. */
import { aligned, grouped, printable } from './table.ts';

/** An answer, or why there is none. */
export type Answered<T> = T | { readonly problem: string };

export interface Look {
  readonly atMs: number;
  readonly traffic: Answered<Traffic>;
  readonly alarms: Answered<Firing>;
  readonly health: Answered<Health>;
}

/** Events of the last minute by type, second by second. */
export interface Traffic {
  /** The server's now. */
  readonly to: number;
  readonly watermark: number | null;
  readonly seriesFound: number;
  readonly series: readonly {
    readonly labels: readonly { readonly value: string | null }[];
    readonly columns: {
      readonly t: readonly number[];
      readonly values: readonly (readonly (number | null)[])[];
    };
  }[];
}

/** Whatever is not ok. */
export interface Firing {
  readonly total: number;
  readonly alarms: readonly {
    readonly rule: string;
    readonly group: readonly (string | null)[];
    readonly state: string;
    readonly severity: string;
    readonly since: number | null;
    readonly value: number | null;
  }[];
}

export interface Health {
  readonly partitions: readonly { readonly lagBytes: number }[];
  readonly actors: readonly { readonly restarts: number; readonly state: string }[];
}

export interface About {
  readonly version: string;
  readonly origin: string;
  readonly stream: string;
}

/** Events a second are those of so many, the newest ones: one alone jumps. */
const RATE_SECONDS = 10;
/** What is longer keeps figures off a screen of 80 columns. */
const TYPE_LENGTH_MAX = 48;
const ALARM_LENGTH_MAX = 20;
/** How long events may be under way: what is not there yet must not look like less. */
const UNDER_WAY_MS = 2_000;

export const screenOf = ({ version, origin, stream }: About, look: Look): string =>
  [
    `streamgauge ${printable(version)} at ${origin}, ${clock(look.atMs)}\n`,
    shown(look.health, healthLine),
    '\n',
    shown(look.traffic, (traffic) => trafficTable(stream, traffic)),
    '\n',
    shown(look.alarms, alarmTable),
  ].join('');

const shown = <T extends object>(answered: Answered<T>, show: (answer: T) => string): string =>
  'problem' in answered ? `${printable(answered.problem)}\n` : show(answered);

function healthLine({ partitions, actors }: Health): string {
  const lagBytes = Math.max(0, ...partitions.map((partition) => partition.lagBytes));
  const restarts = actors.reduce((sum, actor) => sum + actor.restarts, 0);
  const failed = actors.filter(({ state }) => state === 'failed').length;
  const parts = [
    `${partitions.length} partitions`,
    `lag ${(lagBytes / 2 ** 20).toFixed(1)} MiB`,
    `${restarts} restarts of actors`,
    ...(failed > 0 ? [`${failed} failed for good`] : []),
  ];
  return `${parts.join(', ')}\n`;
}

function trafficTable(stream: string, { to, watermark, seriesFound, series }: Traffic): string {
  // Where nothing comes any more it goes on with the clock.
  const newestMs = Math.max(
    to - UNDER_WAY_MS,
    ...series.flatMap(({ columns }) => columns.t.at(-1) ?? []),
  );
  const rows = series.map(({ labels: [label], columns: { t, values } }) => {
    const counts = t.map((atMs, i) => ({ atMs, count: values[0]?.[i] ?? 0 }));
    const recent = counts.filter(({ atMs }) => atMs > newestMs - RATE_SECONDS * 1_000);
    return {
      type: shortened(label?.value ?? '(none)', TYPE_LENGTH_MAX),
      perSecond: sumOf(recent) / RATE_SECONDS,
      lastMinute: sumOf(counts),
    };
  });
  if (rows.length === 0) return `no events of stream ${stream} in the last minute\n`;
  const all = {
    type: seriesFound > rows.length ? `${rows.length} of ${grouped(seriesFound)} types` : 'all',
    perSecond: rows.reduce((sum, row) => sum + row.perSecond, 0),
    lastMinute: rows.reduce((sum, row) => sum + row.lastMinute, 0),
  };
  const complete = watermark === null ? 'not complete yet' : `complete to ${clock(watermark)}`;
  return (
    `stream ${stream}, ${complete}\n` +
    aligned([
      ['type', 'events/s', 'last minute'],
      ...[all, ...rows].map(({ type, perSecond, lastMinute }) => [
        type,
        perSecond < 10 ? perSecond.toFixed(1) : grouped(perSecond),
        grouped(lastMinute),
      ]),
    ])
  );
}

function alarmTable({ total, alarms }: Firing): string {
  if (alarms.length === 0) return 'no alarms\n';
  const more = total > alarms.length ? `… ${grouped(total - alarms.length)} more\n` : '';
  return (
    aligned([
      ['alarm', 'group', 'state', 'severity', 'since', 'value'],
      ...alarms.map(({ rule, group, state, severity, since, value }) => [
        shortened(rule, ALARM_LENGTH_MAX),
        shortened(group.map((label) => label ?? '(none)').join(', '), ALARM_LENGTH_MAX),
        state,
        severity,
        since === null ? '' : clock(since),
        value === null ? '-' : value.toLocaleString('en-US'),
      ]),
    ]) + more
  );
}

function shortened(text: string, lengthMax: number): string {
  const characters = [...text];
  return characters.length <= lengthMax ? text : `${characters.slice(0, lengthMax - 1).join('')}…`;
}

const sumOf = (counts: readonly { readonly count: number }[]): number =>
  counts.reduce((sum, { count }) => sum + count, 0);

/** Of the day, in the reader's zone. */
const clock = (ms: number): string => new Date(ms).toTimeString().slice(0, 8);
