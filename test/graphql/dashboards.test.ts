/** Saved dashboards over HTTP and WebSocket: what is put, and what its panels answer. */
import test from 'ava';
import { QUESTION_BYTES_MAX } from '../../graphql/limits.ts';
import { dashboardsScene, socketWith } from './dashboards-scene.ts';

const ANSWER = `source note from to stepMs rollup resolutionMs complete names seriesFound
  series { labels { name value } points { t end values { value errorBound } } compared { t before values { value } }
    columns { t values } }
  compared { from to complete }`;

const MINUTE_MS = 60_000;

test('a panel answers as timeseries does, with the same arguments', async (t) => {
  const { ask, putQuestion, memory } = await dashboardsScene(t);
  const to = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const from = to - 5 * MINUTE_MS;
  for (const [type, ts] of [
    ['view', from],
    ['view', from + MINUTE_MS],
    ['sale', from - MINUTE_MS],
  ] as const) {
    memory.apply(0, [{ ts, type, duration_ms: 7 }], to);
  }
  const question = {
    ...{ from, to, step: '1m', groupBy: ['type'], limit: 5, fill: 'ZERO' },
    measures: [
      { op: 'count', as: 'n' },
      { expression: '2 * n' },
      { op: 'avg', field: 'duration_ms' },
    ],
    ...{ where: { field: 'type', in: ['view', 'sale'] }, orderBy: { measure: 0 } },
    ...{ compare: 'PERIOD_BEFORE', source: 'ROLLUP' },
  };
  const id = await putQuestion(question);
  const panel = await ask(`{ panel(dashboard: "${id}", panel: "p") { ${ANSWER} } }`);
  const asked = await ask(
    `query ($from: Timestamp, $to: Timestamp, $step: Duration, $groupBy: [String!]!, $limit: Int!, $fill: Fill,
      $measures: [MeasureInput!]!, $where: Where, $orderBy: SeriesOrder, $compare: Comparison, $source: TimeseriesSource) {
      timeseries(from: $from, to: $to, step: $step, groupBy: $groupBy, limit: $limit, fill: $fill,
        measures: $measures, where: $where, orderBy: $orderBy, compare: $compare, source: $source) { ${ANSWER} }
    }`,
    question,
  );
  t.deepEqual(panel.errors, []);
  t.is(panel.data.panel.series[0].points.length, 5);
  t.deepEqual(panel.data.panel, asked.data.timeseries);
  const { data } = await ask(`{ dashboard(id: "${id}") { panels { question } } }`);
  t.deepEqual(data.dashboard.panels, [{ question }], 'as it was given');
});

test('what was not given is what it is for timeseries', async (t) => {
  const { ask, putQuestion, memory } = await dashboardsScene(t);
  memory.apply(0, [{ ts: Date.now(), type: 'view' }], Date.now());
  const id = await putQuestion({});
  const { data } = await ask(
    `{ panel(dashboard: "${id}", panel: "p") { names series { points { values { value } } } } timeseries { names series { points { values { value } } } } }`,
  );
  t.deepEqual(data.panel, data.timeseries);
  t.deepEqual(data.panel.names, ['count']);
});

test('dashboards are listed, changed, shared and dropped', async (t) => {
  const { ask, put, putQuestion, share, endShare } = await dashboardsScene(t);
  const id = await putQuestion({ last: '1h' });
  const link = await share(id);
  const list = async (key?: string) =>
    (
      await ask(
        '{ dashboards { id name version updatedAt builtIn shares { id name } panels { id title show } } }',
        {},
        key,
      )
    ).data.dashboards;
  const [found] = await list();
  t.like(found, {
    id,
    name: 'D',
    version: 1,
    builtIn: false,
    shares: [{ id: link.id, name: 'Ann' }],
  });
  t.deepEqual(found.panels, [{ id: 'p', title: 'P', show: 'CHART' }]);
  t.true(Math.abs(found.updatedAt - Date.now()) < 600_000);
  t.is((await list('sg_reader'))[0].shares, null);
  t.deepEqual(await list('sg_other'), []);
  const stale = await put({ id, name: 'E', panels: [], version: 7 });
  t.is(stale.dashboard, null);
  t.is(stale.problems[0]?.path, 'version');
  t.is((await put({ id, name: 'E', panels: [], version: 1 })).dashboard?.version, 2);
  t.true(await endShare(link.id));
  t.false(await endShare(link.id));
  const drop = async () =>
    (await ask(`mutation { dropDashboard(id: "${id}") { done problems { path } } }`)).data
      .dropDashboard;
  t.deepEqual(await drop(), { done: true, problems: [] });
  t.deepEqual(await drop(), { done: false, problems: [{ path: 'id' }] });
  t.is((await ask(`{ dashboard(id: "${id}") { id } }`)).data.dashboard, null);
  t.is((await ask('{ sharedDashboard { id } }')).data.sharedDashboard, null);
});

test('only a key with scope admin changes anything', async (t) => {
  const { ask, putQuestion, share } = await dashboardsScene(t);
  const id = await putQuestion({});
  const link = await share(id);
  for (const change of [
    'putDashboard(input: { name: "x", panels: [] }) { problems { path } }',
    `dropDashboard(id: "${id}") { done }`,
    `shareDashboard(id: "${id}", name: "x") { secret }`,
    `endShare(id: "${link.id}")`,
  ]) {
    const { status, errors } = await ask(`mutation { ${change} }`, {}, 'sg_reader');
    t.is(status, 403, change);
    t.is(errors[0]?.extensions['code'], 'forbidden');
  }
  t.is((await ask('{ sharedDashboard { id } }', {}, link.secret)).data.sharedDashboard.id, id);
});

const wrong: readonly [string, unknown, string, RegExp][] = [
  ['no object', 'count', 'panels[0].question', /to be an object/],
  ['an argument that there is not', { foo: 1 }, 'panels[0].question', /unknown field "foo"/],
  ['a position', { after: 'x' }, 'panels[0].question', /unknown field "after"/],
  ['a duration that is none', { last: 'x' }, 'panels[0].question.last', /Duration must be a time/],
  [
    'null for what needs a value',
    { groupBy: null },
    'panels[0].question.groupBy',
    /non-null type .* not to be null/,
  ],
  [
    'an operation that there is not',
    { measures: [{ op: 'count' }, { op: 'median' }] },
    'panels[0].question.measures[1].op',
    /"median" does not exist/,
  ],
  [
    'a measure of neither',
    { measures: [{ as: 'x' }] },
    'panels[0].question',
    /either "op" .* or "expression"/,
  ],
  [
    'an expression of nothing known',
    { measures: [{ op: 'count' }, { expression: '2 * x' }] },
    'panels[0].question',
    /no measure has one/,
  ],
  [
    'a field that a measure needs',
    { measures: [{ op: 'sum' }] },
    'panels[0].question',
    /sum needs the field that it is of/,
  ],
  ['a condition on nothing', { where: { eq: 'x' } }, 'panels[0].question', /must name its field/],
  [
    'months beside others',
    { step: '1mo', last: '1y', compare: 'PERIOD_BEFORE' },
    'panels[0].question',
    /"compare" sets steps of the same length/,
  ],
  [
    'more than 8 KiB',
    { stream: 'x'.repeat(QUESTION_BYTES_MAX) },
    'panels[0].question',
    /at most 8192 bytes as JSON, received 82\d\d/,
  ],
];
for (const [what, question, path, message] of wrong) {
  test(`a question with ${what} is refused, and says where`, async (t) => {
    const { put, ask } = await dashboardsScene(t);
    const { dashboard, problems } = await put({
      name: 'D',
      panels: [{ title: 'P', show: 'TABLE', question }],
    });
    t.is(dashboard, null);
    t.is(problems[0]?.path, path);
    t.regex(problems[0]?.message ?? '', message);
    t.deepEqual((await ask('{ dashboards { id } }')).data.dashboards, []);
  });
}

test('a question may be written as a literal', async (t) => {
  const { ask } = await dashboardsScene(t);
  const { data } =
    await ask(`mutation { putDashboard(input: { name: "D", panels: [{ title: "P", show: NUMBER,
    question: { last: "1h", limit: 3, measures: [{ op: count }] } }] }) {
      dashboard { panels { id show question } } problems { message } } }`);
  t.deepEqual(data.putDashboard.problems, []);
  const [panel] = data.putDashboard.dashboard.panels;
  t.like(panel, {
    show: 'NUMBER',
    question: { last: '1h', limit: 3, measures: [{ op: 'count' }] },
  });
  t.regex(panel.id, /^[\w-]{12}$/);
});

test('of a panel or a dashboard that there is not that is told', async (t) => {
  const { ask, putQuestion } = await dashboardsScene(t);
  const id = await putQuestion({});
  for (const [dashboard, panel, key] of [
    [id, 'q', 'sg_admin'],
    ['nothing', 'p', 'sg_admin'],
    [id, 'p', 'sg_other'],
  ] as const) {
    const { errors } = await ask(
      `{ panel(dashboard: "${dashboard}", panel: "${panel}") { names } }`,
      {},
      key,
    );
    t.is(errors[0]?.extensions['code'], 'query_invalid');
    t.regex(errors[0]?.message ?? '', /there is no panel/);
  }
});

const LIVE = `subscription ($id: ID!) { panel(dashboard: $id, panel: "p", every: "200ms") {
  snapshot names series { points { values { value } } } } }`;

interface Point {
  readonly values: readonly { readonly value: number | null }[];
}
interface Live {
  readonly panel: {
    readonly snapshot: boolean;
    readonly series: readonly { readonly points: Point[] }[];
  };
}

test('a panel is kept up to date, until its question is another one', async (t) => {
  const { url, memory, queries, putQuestion } = await dashboardsScene(t);
  const question = {
    last: '1h',
    step: '1m',
    measures: [{ op: 'count' }],
    compare: 'PERIOD_BEFORE',
  };
  const id = await putQuestion(question);
  const updates = socketWith(t, url, 'sg_reader').iterate<Live>({
    query: LIVE,
    variables: { id },
  });
  /** Whether the next message has events in a step that is new or has changed. */
  const hasCounted = async (): Promise<boolean> => {
    const { value } = await updates.next();
    if (value?.errors !== undefined) throw new Error(JSON.stringify(value.errors));
    const points: Point[] = value?.data?.panel.series[0]?.points ?? [];
    return points.some(({ values }) => (values[0]?.value ?? 0) > 0);
  };
  t.false(await hasCounted());
  memory.apply(0, [{ ts: Date.now(), type: 'view' }], Date.now());
  while (!(await hasCounted()));
  // Another panel's change is none of this one.
  await putQuestion(question);
  await putQuestion(question, id);
  memory.apply(0, [{ ts: Date.now(), type: 'view' }], Date.now());
  while (!(await hasCounted()));
  await putQuestion({ last: '2m', step: '1m' }, id);
  while ((await updates.next()).done !== true);
  while (queries.live.subscribers > 0) await new Promise(setImmediate);
  t.pass();
});

test('a panel of segments is asked, and not subscribed to', async (t) => {
  const { url, putQuestion } = await dashboardsScene(t);
  const id = await putQuestion({ source: 'SEGMENTS' });
  const updates = socketWith(t, url, 'sg_reader').iterate<Live>({ query: LIVE, variables: { id } });
  const { value } = await updates.next();
  t.regex(value?.errors?.[0]?.message ?? '', /answered from segments/);
});
