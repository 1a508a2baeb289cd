/**
 * A day of events, its rules, and what they have to say of it. Every line of `EXPECTED` was worked out by hand from the
 * times and counts below; the remark says how. Nothing of it is computed by what is tested.
 */

import { packControl, packHeartbeat } from '../../src/model/block.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { offset } from '../../src/model/units.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import { eventBlock, type PlainEvent } from '../aggregate/event-blocks.ts';

export const PARTITIONS = 2;
/** A Monday. */
export const DAY_MS = Date.UTC(2026, 0, 5);
export const STEP_MS = 10_000;
const HOUR_MS = 3_600_000;
const END = '24:00:00';

/** As in a configuration. */
export const RULES: readonly Readonly<Record<string, unknown>>[] = [
  {
    name: 'spike',
    groupBy: ['service'],
    window: '5m',
    every: '10s',
    above: 900,
    for: '3m',
    escalation: [{ afterWindows: 3, severity: 'critical' }],
  },
  {
    name: 'dip',
    window: '10m',
    every: '1m',
    below: { fire: 1500, clear: 1800 },
    keepFiringFor: '5m',
  },
  { name: 'slow', measure: 'quantile(ms, 0.95)', window: '5m', every: '1m', above: 200 },
  {
    name: 'errors',
    filter: [{ field: 'type', in: ['error'] }],
    over: { filter: [{ field: 'type', in: ['ok'] }] },
    groupBy: ['service'],
    window: '5m',
    every: '30s',
    above: { fire: 0.1, clear: 0.05 },
    onNoValue: 'noData',
    forgetAfter: '1h',
  },
  {
    name: 'surge',
    filter: [{ field: 'service', in: ['web'] }],
    window: '10m',
    every: '1m',
    change: { versus: 'windowBefore', by: 'percent', above: 80 },
  },
  {
    name: 'silent',
    stream: 'devices',
    groupBy: ['device'],
    window: '5m',
    every: '30s',
    noData: true,
  },
  {
    name: 'sales',
    stream: 'sales',
    measure: 'sum(amount)',
    window: '1m',
    every: '10s',
    lateness: '30s',
    above: 100,
  },
  {
    name: 'crowd',
    stream: 'logins',
    groupBy: ['user'],
    groupsMax: 3,
    window: '1m',
    every: '10s',
    above: 1000,
  },
  {
    name: 'failures',
    stream: 'logs',
    groupBy: ['message'],
    normalize: ['message'],
    window: '1m',
    every: '10s',
    above: 10,
  },
];

/** From, to, and what differs from an ordinary ten seconds of that time: api 20 events, web 10, pay 2. */
const isIn = (ms: number, from: string, to: string): boolean => ms >= at(from) && ms < at(to);
const perStep = (ms: number) => ({
  api:
    isIn(ms, '02:00:00', '02:30:00') || isIn(ms, '03:00:00', '03:02:40')
      ? 40
      : isIn(ms, '05:00:00', '05:20:00')
        ? 8
        : 20,
  web: isIn(ms, '21:00:00', '21:40:00') ? 20 : 10,
  pay: isIn(ms, '12:00:00', '12:10:00') ? 0 : 2,
});
/** Nothing comes, so the server's heartbeats move the time. */
const isSilent = (ms: number): boolean => isIn(ms, '08:00:00', '08:30:00');

/** `time rule group from>to reason severity value`; `-` is no group, or no value. */
export const EXPECTED: readonly (readonly [line: string, because: string])[] = [
  [
    '02:02:40 spike api ok>pending abnormal warning 920',
    '16 of 30 steps with 40 instead of 20; 15 make 900, which is the bound',
  ],
  ['02:05:40 spike api pending>firing abnormalLongEnough warning 1200', '3 minutes later'],
  [
    '02:17:40 spike api firing>firing escalated critical 1200',
    '3 windows of 5 minutes after 02:02:40',
  ],
  ['02:32:30 spike api firing>ok normal critical 900', '15 steps with 40 are left'],
  ['03:02:40 spike api ok>pending abnormal warning 920', 'a spike of 16 steps'],
  [
    '03:05:10 spike api pending>ok normal warning 900',
    'its first step has left the window before 3 minutes are over',
  ],
  [
    '05:06:00 dip - ok>firing abnormal warning 1488',
    '4 minutes of 192 and 6 of 120; a minute before 1560',
  ],
  [
    '05:34:00 dip - firing>ok normalLongEnough warning 1920',
    '05:28 has 1776, below 1800; 05:29 has 1848, and 5 minutes more',
  ],
  ['08:03:00 dip - ok>firing abnormal warning 1344', '7 minutes of 192 before the silence'],
  ['08:05:00 errors api ok>noData noValue warning -', 'the first window without an event'],
  ['08:05:00 errors pay ok>noData noValue warning -', 'the same'],
  ['08:05:00 errors web ok>noData noValue warning -', 'the same'],
  ['08:05:00 silent d1 ok>firing abnormal warning 0', 'the last event was at 07:59:35'],
  ['08:05:00 silent d2 ok>firing abnormal warning 0', 'the same'],
  ['08:05:00 silent d3 ok>firing abnormal warning 0', 'the same'],
  ['08:05:00 slow - ok>noData noValue warning -', 'a quantile of nothing'],
  ['08:30:30 errors api noData>ok normal warning 0', 'the first window with events again'],
  ['08:30:30 errors pay noData>ok normal warning 0', 'the same'],
  ['08:30:30 errors web noData>ok normal warning 0', 'the same'],
  ['08:30:30 silent d1 firing>ok normal warning 1', 'an event at 08:30:05'],
  ['08:30:30 silent d2 firing>ok normal warning 1', 'the same'],
  ['08:30:30 silent d3 firing>ok normal warning 1', 'the same'],
  ['08:31:00 slow - noData>ok normal warning 50', 'every minute, and all take 50 ms'],
  [
    '08:41:00 surge - ok>firing abnormal warning 600',
    'against 60 of 08:21 to 08:31; before that the reference is 0: no value',
  ],
  [
    '08:45:00 dip - firing>ok normalLongEnough warning 1920',
    '08:39 has 1728; 08:40 has 1920, and 5 minutes more',
  ],
  [
    '08:46:00 surge - firing>ok normal warning 600',
    'against 360: 67 %; a minute before against 300: 100 %',
  ],
  [
    '10:01:00 slow - ok>firing abnormal warning 400.5',
    '120 of 960 events take 400 ms: one in eight. A quantile is good to 0.4 %',
  ],
  [
    '10:20:00 slow - firing>ok normal warning 50',
    'at 10:19 the slow minute before 10:15 is still one in eight',
  ],
  ['12:05:00 errors pay ok>noData noValue warning -', 'pay alone is silent from 12:00 to 12:10'],
  ['12:10:30 errors pay noData>ok normal warning 0', 'and there again'],
  [
    '13:00:30 errors pay ok>firing abnormal warning 0.11',
    '6 errors to 54 that are ok; from 13:00 to 13:10 there are only errors',
  ],
  ['13:05:00 errors pay firing>noData noValue warning -', '60 errors to 0: a zero denominator'],
  ['13:10:30 errors pay noData>firing abnormal warning 9', '54 errors to 6'],
  ['13:15:00 errors pay firing>ok normal warning 0', 'half a minute before 6 to 54, above 0.05'],
  [
    '15:00:10 sales - ok>firing abnormal warning 150',
    'at 15:00:05, come at 15:00:30: late, but within 30 s',
  ],
  [
    '15:01:10 sales - firing>ok normal warning 0',
    'it has left; 500 at 16:00:05 come at 16:02:00 and are never seen',
  ],
  [
    '18:05:00 silent d2 ok>firing abnormal warning 0',
    'its clock is an hour slow from 18:00: all it sends is late',
  ],
  [
    '18:30:30 silent d2 firing>ok normal warning 1',
    'right again; an hour fast, from 17:00 to 17:30, counts when it comes',
  ],
  [
    '19:05:10 sales - ok>firing abnormal warning 150',
    'once a minute to 19:09:05, while the server is an hour fast, from 19:00 to 19:10',
  ],
  [
    '19:10:10 sales - firing>ok normal warning 0',
    'told in time although the clock is back before its message of 20:05',
  ],
  [
    '19:20:10 sales - ok>firing abnormal warning 150',
    'the server is right again, and has seen later times',
  ],
  ['19:21:10 sales - firing>ok normal warning 0', 'the same'],
  [
    '21:09:00 surge - ok>firing abnormal warning 1140',
    'one minute of 60 and nine of 120, against 600: 90 %; 80 % is the bound',
  ],
  [
    '21:12:00 surge - firing>ok normal warning 1200',
    'against 720: 67 %; a minute before against 660: 82 %',
  ],
  ['22:00:10 crowd - ok>error tooManyGroups warning -', 'five users where three may be'],
  ['22:05:40 crowd - error>ok normal warning -', 'the two came last at 22:04:35'],
  [
    '23:00:40 failures user_?_failed ok>firing abnormal warning 12',
    '3 in each step, each with another number',
  ],
  ['23:03:30 failures user_?_failed firing>ok normal warning 9', 'the last ones came at 23:03'],
];

export interface DayStep {
  /** Its true end, when its blocks arrive. */
  readonly atMs: number;
  /** What the server takes that time for. */
  readonly wallMs: number;
  readonly blocks: readonly LoggedBlock[];
}

/** The log of the day, as the edge would have written it: `rollups` are declared at its beginning. */
export function dayLog(rollups: readonly RollupDefinition[]): DayStep[] {
  const log = new Log();
  for (let partition = 0; partition < PARTITIONS; partition++) log.declare(partition, rollups);
  const steps: DayStep[] = [];
  for (let ms = DAY_MS; ms < at(END); ms += STEP_MS) {
    const isFast = isIn(ms, '19:00:00', '19:10:00');
    log.arrivalMs = ms + STEP_MS + (isFast ? HOUR_MS : 0);
    if (isSilent(ms)) for (let each = 0; each < PARTITIONS; each++) log.heartbeat(each);
    else logStep(log, ms);
    steps.push({ atMs: ms + STEP_MS, wallMs: log.arrivalMs, blocks: log.take() });
  }
  return steps;
}

function logStep(log: Log, ms: number): void {
  const { api, web, pay } = perStep(ms);
  const slowMs = isIn(ms, '10:00:00', '10:15:00') ? 400 : 50;
  const payType = isIn(ms, '13:00:00', '13:10:00') ? 'error' : 'ok';
  log.events(0, 'events', [
    ...spread(ms, api, { service: 'api', type: 'ok', ms: slowMs }),
    ...spread(ms, pay / 2, { service: 'pay', type: payType, ms: 50 }),
  ]);
  log.events(1, 'events', [
    ...spread(ms, web, { service: 'web', type: 'ok', ms: 50 }),
    ...spread(ms, pay / 2, { service: 'pay', type: payType, ms: 50 }),
  ]);
  if (ms % 30_000 === 0) {
    log.events(0, 'devices', [
      { ts: ms + 5_000, device: 'd1' },
      { ts: ms + 5_000 + clockErrorMs(ms), device: 'd2' },
    ]);
    log.events(1, 'devices', [{ ts: ms + 5_000, device: 'd3' }]);
    const users = isIn(ms, '22:00:00', '22:05:00') ? 'abcde' : 'abc';
    log.events(
      0,
      'logins',
      Array.from(users, (user) => ({ ts: ms + 5_000, user })),
    );
  }
  if (isIn(ms, '23:00:00', '23:03:00')) {
    const text = (n: number) => `user ${ms / STEP_MS + n} failed`;
    log.events(
      1,
      'logs',
      Array.from({ length: 3 }, (_, n) => ({ ts: ms + n, message: text(n) })),
    );
  }
  for (const [time, arrives, amount] of SALES) {
    if (isIn(at(arrives), clock(ms), clock(ms + STEP_MS))) {
      log.events(1, 'sales', [{ ts: at(time), amount }]);
    }
  }
}

/** When they happened, and when they are sent. */
const SALES: readonly (readonly [time: string, sent: string, amount: number])[] = [
  ['15:00:05', '15:00:20', 150],
  ['16:00:05', '16:01:50', 500],
  ['19:05:05', '19:05:05', 150],
  ['19:06:05', '19:06:05', 150],
  ['19:07:05', '19:07:05', 150],
  ['19:08:05', '19:08:05', 150],
  ['19:09:05', '19:09:05', 150],
  ['19:20:05', '19:20:05', 150],
];

function clockErrorMs(ms: number): number {
  if (isIn(ms, '17:00:00', '17:30:00')) return HOUR_MS;
  return isIn(ms, '18:00:00', '18:30:00') ? -HOUR_MS : 0;
}

/** Evenly over the step. */
const spread = (ms: number, count: number, event: PlainEvent): PlainEvent[] =>
  Array.from({ length: count }, (_, i) => ({
    ...event,
    ts: ms + Math.floor((i * STEP_MS) / count),
  }));

class Log {
  arrivalMs = DAY_MS;
  #offset = 0;
  #sequence = 0;
  #blocks: LoggedBlock[] = [];

  declare(partition: number, rollups: readonly RollupDefinition[]): void {
    this.#append(
      partition,
      packControl(this.#header(partition), { type: 'setRollups', version: 1, rollups }),
    );
  }

  heartbeat(partition: number): void {
    this.#append(partition, packHeartbeat(this.#header(partition)));
  }

  events(partition: number, stream: string, events: readonly PlainEvent[]): void {
    if (events.length === 0) return;
    const { bytes } = eventBlock(events, { ...this.#header(partition), stream });
    this.#append(partition, bytes);
  }

  take(): LoggedBlock[] {
    const taken = this.#blocks;
    this.#blocks = [];
    return taken;
  }

  #header(partition: number) {
    const { arrivalMs } = this;
    return { partition, arrivalMs, producerId: 1, producerEpoch: 1, sequence: ++this.#sequence };
  }

  #append(partition: number, bytes: Uint8Array): void {
    const from = this.#offset;
    this.#offset += bytes.length;
    this.#blocks.push({ partition, offset: offset(from), nextOffset: offset(this.#offset), bytes });
  }
}

function at(time: string): number {
  const [hours = 0, minutes = 0, seconds = 0] = time.split(':').map(Number);
  return DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1_000;
}

/** The time of the day; of the midnight that ends it, `24:00:00`. */
export const clock = (ms: number): string =>
  ms === DAY_MS + 24 * HOUR_MS ? END : new Date(ms).toISOString().slice(11, 19);
