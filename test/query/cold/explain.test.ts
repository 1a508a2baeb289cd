/** Explanations over HTTP, beside the answers that they are of. */
import test from 'ava';
import { archive, ask, openSite, type Site, send } from './site.ts';

const HOUR = 3_600_000;
const END = Math.floor(Date.now() / HOUR) * HOUR - HOUR;
const START = END - 4 * HOUR;
const STREAM = 'shop';
let here: Site;

test.before(async () => {
  here = await openSite({
    rollups: [
      {
        name: 'by_type',
        stream: STREAM,
        dimensions: ['type'],
        measures: ['count', 'last(amount)'],
      },
      { name: 'by_country', stream: STREAM, dimensions: ['type', 'country'], measures: ['count'] },
    ],
    cold: { scanRowsMax: 1_000 },
  });
  const events = Array.from({ length: 400 }, (_, n) => ({
    id: `e${n}`,
    ts: START + n * (HOUR / 100),
    type: ['view', 'buy'][n % 2],
    country: 'DE',
    amount: n,
  }));
  await archive(here, await send(here, STREAM, events.slice(0, 300)));
  const position = await send(here, STREAM, events.slice(300));
  await timeseries('source: SEGMENTS', position);
});
test.after.always(() => here?.close());

interface Plan {
  readonly source: string;
  readonly note: string | null;
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
  readonly resolutionMs: number;
  readonly points: number;
  readonly rollup: { readonly name: string; readonly version: number | null } | null;
  readonly rows: { readonly readMax: number; readonly mergedMax: number } | null;
  readonly partitions: readonly {
    readonly partition: number;
    readonly node: string | null;
    readonly answered: boolean;
    readonly readable: boolean;
    readonly watermark: number | null;
    readonly changedRows: number;
    readonly spans: readonly { readonly from: number; readonly to: number }[];
  }[];
  readonly segments: {
    readonly archived: { readonly files: number; readonly events: number };
    readonly log: { readonly files: number; readonly events: number };
    readonly eventsCounted: number;
    readonly eventsAllowed: number;
  } | null;
}
interface Explanation {
  readonly plan: Plan | null;
  readonly problem: string | null;
  readonly rollups: readonly {
    readonly rollup: { readonly name: string };
    readonly taken: boolean;
    readonly lacks: readonly string[];
    readonly reason: string | null;
  }[];
  readonly compared: Explanation | null;
}

const argumentsWith = (more: string) =>
  `stream: "${STREAM}", from: ${START}, to: ${END}, step: "1h", ${more}`;

async function explain(more: string): Promise<Explanation> {
  const query = `{ explain(${argumentsWith(more)}) { ...explanation compared { ...explanation } } }
    fragment explanation on Explanation {
      plan {
        source note from to stepMs resolutionMs points rollup { name version } rows { readMax mergedMax mergedAllowed }
        partitions { partition node answered readable watermark changedRows spans { resolutionMs from to rowsMax } }
        segments { archived { files events } log { files events } eventsCounted eventsAllowed }
      }
      problem rollups { rollup { name } taken lacks reason }
    }`;
  return (await ask<{ explain: Explanation }>(here, query, {})).explain;
}

async function timeseries(more: string, after?: string) {
  const position = after === undefined ? '' : `, after: "${after}"`;
  const query = `{ timeseries(${argumentsWith(more)}${position}) {
    source note from to stepMs resolutionMs rollup scanned { files events } series { points { t } } } }`;
  const { timeseries: answer } = await ask<{
    timeseries: Omit<Plan, 'rollup'> & {
      readonly rollup: string | null;
      readonly scanned: { readonly files: number; readonly events: number } | null;
      readonly series: readonly { readonly points: readonly unknown[] }[];
    };
  }>(here, query, {});
  return answer;
}

const QUESTIONS = {
  'a rollup': 'groupBy: ["type"], measures: [{ op: last, field: "amount" }]',
  'the other rollup': 'groupBy: ["country"]',
  'segments, as no rollup can': 'groupBy: ["country"], measures: [{ op: sum, field: "amount" }]',
  'segments, as asked for': 'source: SEGMENTS, window: "2h"',
};

for (const [name, question] of Object.entries(QUESTIONS)) {
  test.serial(`the explanation agrees with the answer: ${name}`, async (t) => {
    const [{ plan, problem, rollups }, answer] = await Promise.all([
      explain(question),
      timeseries(question),
    ]);
    t.is(problem, null);
    const { source, note, from, to, stepMs, resolutionMs, scanned } = answer;
    t.like(plan, { source, note, from, to, stepMs, resolutionMs });
    t.is(plan?.rollup?.name ?? null, answer.rollup);
    t.is(rollups.find(({ taken }) => taken)?.rollup.name ?? null, answer.rollup);
    t.is(plan?.points, 4);
    t.true((answer.series[0]?.points.length ?? 0) <= 4);
    if (source === 'ROLLUP') {
      t.true((plan?.rollup?.version ?? 0) > 0);
      t.is(plan?.segments, null);
      t.true((plan?.rows?.readMax ?? 0) >= 4);
      for (const { node, answered, readable, spans } of plan?.partitions ?? []) {
        t.deepEqual([node, answered, readable], [null, true, true]);
        t.deepEqual([spans[0]?.from, spans.at(-1)?.to], [from, to]);
      }
      return;
    }
    const { archived, log, eventsCounted = 0, eventsAllowed } = plan?.segments ?? {};
    t.deepEqual([archived?.events, log?.events], [300, 100]);
    t.is((archived?.files ?? 0) + (log?.files ?? 0), scanned?.files ?? 0);
    t.is(eventsCounted, question.includes('window') ? 800 : 400);
    t.is(eventsAllowed, 1_000);
    t.deepEqual(plan?.partitions, []);
    t.is(plan?.rows, null);
  });
}

test.serial(
  'each rollup that is passed over says what it lacks, or who comes before it',
  async (t) => {
    const said = async (question: string) =>
      (await explain(question)).rollups.map(({ rollup, lacks, reason }) => [
        rollup.name,
        ...lacks,
        reason,
      ]);
    t.deepEqual(await said('groupBy: ["user"], measures: [{ op: first, field: "amount" }]'), [
      ['by_type', 'dimension "user"', 'measure first(amount)', null],
      ['by_country', 'dimension "user"', 'measure first(amount)', null],
    ]);
    // Both began with the server, behind the range.
    const [taken, other] = await said('groupBy: ["type"]');
    t.deepEqual(taken, ['by_type', null]);
    t.regex(other?.[1] ?? '', /^it counts since 20.+Z, and the range begins before$/);
  },
);

test.serial('what would be refused is a problem, of which the answer says the same', async (t) => {
  const tooMuch = 'source: SEGMENTS, window: "4h"';
  const refusal = await t.throwsAsync<Error>(timeseries(tooMuch));
  const { plan, problem } = await explain(tooMuch);
  t.is(plan, null);
  t.is(problem, refusal?.message);
  t.regex(problem ?? '', /400 events in \d+ files would have to be read, each counted 4 times/);
  const noRollup = await explain('source: ROLLUP, groupBy: ["user"]');
  t.regex(noRollup.problem ?? '', /no rollup of stream "shop" can answer/);
  await t.throwsAsync(explain('measures: [{ op: quantile, field: "amount" }]'), {
    message: /quantile needs "q"/,
  });
});

test.serial('both sides of a comparison are explained', async (t) => {
  const { plan, compared } = await explain('compare: DAY_BEFORE');
  t.is(plan?.rollup?.name, 'by_type');
  t.like(compared?.plan, { from: START - 24 * HOUR, to: END - 24 * HOUR, source: 'ROLLUP' });
  t.is((await explain('limit: 1')).compared, null);
});
