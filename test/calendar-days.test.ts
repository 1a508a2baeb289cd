/** Days of a zone whose clock is changed, through a server as it is run: how long each is, and what counts in it. */
import test from 'ava';
import { removeScratch, scratchFolder } from '../load-tests/scratch.ts';
import { Server } from '../load-tests/server.ts';
import { sendApplied } from './send-applied.ts';

const [QUARTER_MS, HOUR_MS, DAY_MS] = [900_000, 3_600_000, 86_400_000];
const STREAM = 'around';
/** Of these days of the zone: how many hours each has. */
const CASES: readonly [timeZone: string, from: string, to: string, hours: readonly number[]][] = [
  ['Europe/Berlin', '2025-03-29', '2025-04-01', [24, 23, 24]],
  ['Europe/Berlin', '2025-10-25', '2025-10-28', [24, 25, 24]],
  ['America/New_York', '2025-03-08', '2025-03-11', [24, 23, 24]],
  ['America/New_York', '2025-11-01', '2025-11-04', [24, 25, 24]],
  ['Australia/Lord_Howe', '2025-04-05', '2025-04-08', [24, 24.5, 24]],
  ['Australia/Lord_Howe', '2025-10-04', '2025-10-07', [24, 23.5, 24]],
  ['Asia/Kolkata', '2025-03-29', '2025-04-01', [24, 24, 24]],
  ['Asia/Kathmandu', '2025-10-25', '2025-10-28', [24, 24, 24]],
];

/** The first and the last millisecond of each quarter of an hour, a day and more beyond what is asked for. */
function eventsAround(): { type: string; ts: number; n: number }[] {
  const quarters = new Set(
    CASES.flatMap(([, from, to]) => {
      const [fromMs, toMs] = [Date.parse(from) - DAY_MS, Date.parse(to) + DAY_MS];
      const count = (toMs - fromMs) / QUARTER_MS;
      return Array.from({ length: count }, (_, i) => fromMs + i * QUARTER_MS);
    }),
  );
  return [...quarters]
    .sort((a, b) => a - b)
    .flatMap((ts) => [ts, ts + QUARTER_MS - 1])
    .map((ts) => ({ type: 'tick', ts, n: 1 }));
}

interface Days {
  readonly timeseries: {
    readonly source: string;
    readonly series: readonly {
      readonly points: readonly {
        readonly t: number;
        readonly end: number;
        readonly values: readonly { readonly value: number }[];
      }[];
    }[];
  };
}

test('days are as long as their clock makes them, and have what lies between their midnights', async (t) => {
  const folder = scratchFolder('calendar');
  const rollup = {
    ...{ name: 'quarters', stream: STREAM, measures: ['count', 'sum(n)'] },
    resolutions: [{ step: '15m', retention: '3650d' }],
  };
  const server = await Server.prepare({ folder, partitions: 2, config: { rollups: [rollup] } });
  t.teardown(async () => {
    await server.kill();
    removeScratch(folder);
  });
  await server.start();
  const position = await sendApplied(server, STREAM, eventsAround());
  for (const source of ['ROLLUP', 'SEGMENTS']) {
    for (const [timeZone, from, to, hours] of CASES) {
      const days = async (step: string) => {
        const { timeseries } = await server.query<Days>(`{ timeseries(
          stream: "${STREAM}", source: ${source}, after: "${position}", timeZone: "${timeZone}"
          localFrom: "${from}", localTo: "${to}", step: "${step}"
          measures: [{op: count}, {op: sum, field: "n"}]
        ) { source series { points { t end values { value } } } } }`);
        t.is(timeseries.source, source);
        return timeseries.series[0]?.points ?? [];
      };
      const called = `${source} ${timeZone} ${from}`;
      const found = await days('1d');
      const perHour = (2 * HOUR_MS) / QUARTER_MS;
      t.deepEqual(
        found.map(({ t: beginMs, end, values }) => [
          (end - beginMs) / HOUR_MS,
          ...values.map(({ value }) => value / perHour),
        ]),
        hours.map((length) => [length, length, length]),
        called,
      );
      const whole = await days('7d');
      const sum = (some: typeof found) =>
        some.reduce((all, { values }) => all + (values[0]?.value ?? 0), 0);
      t.is(sum(whole), sum(found), called);
    }
  }
});
