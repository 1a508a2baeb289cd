/** Dashboards of a server as it is run: kept through a crash, and the one of page views answered by what a site sends. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';
import { askWith } from './graphql/dashboards-scene.ts';
import { mmdbOf } from './web/mmdb.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0';
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';
const GOOGLEBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

interface Panel {
  readonly id: string;
  readonly show: string;
}

interface Value {
  readonly value: number | null;
  readonly entries: readonly { readonly value: string; readonly count: number }[] | null;
}

interface Answer {
  readonly source: string;
  readonly series: readonly {
    readonly labels: readonly { readonly value: string }[];
    readonly points: readonly { readonly values: readonly Value[] }[];
  }[];
}

async function start(t: ExecutionContext, more: object = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-dashboards-'));
  const geoipFile = join(folder, 'countries.mmdb');
  await writeFile(geoipFile, mmdbOf({ '192.0.2.0/24': 'DE' }));
  const server = await Server.prepare({
    folder,
    partitions: 2,
    config: {
      ...{ rollups: [], web: { enabled: true, geoipFile }, trustedProxies: ['127.0.0.1'] },
      ...{ alarms: { server: { enabled: false } }, ...more },
    },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  const url = `http://${server.host}:${server.queryPort}`;
  const ask = async (query: string, variables: object = {}, key?: string) => {
    const { data, errors } = await askWith(url, key, query, variables);
    if (errors[0] !== undefined) throw new Error(JSON.stringify(errors));
    return data;
  };
  return { server, ask };
}

async function view(server: Server, path: string, agent: string): Promise<void> {
  const url = encodeURIComponent(`http://shop.example${path}`);
  const referrer = encodeURIComponent('https://news.example/a');
  const answer = await fetch(
    `http://${server.host}:${server.ingestPort}/v1/pixel.gif?url=${url}&referrer=${referrer}`,
    { headers: { 'user-agent': agent, 'x-forwarded-for': '192.0.2.7' } },
  );
  if (answer.status !== 200) throw new Error(await answer.text());
  await answer.arrayBuffer();
}

test('a dashboard, its link and what it shows survive a crash', async (t) => {
  const { server, ask } = await start(t);
  const { putDashboard } = await ask(`mutation { putDashboard(input: { name: "Mine", panels: [
    { title: "Events", show: CHART, question: { last: "1h", measures: [{ op: count }] } }] }) { dashboard { id version panels { id title show question } } } }`);
  const { dashboard } = putDashboard;
  const { shareDashboard } = await ask(
    `mutation { shareDashboard(id: "${dashboard.id}", name: "Ann") { secret } }`,
  );
  const { secret } = shareDashboard;
  await server.kill();
  await server.start();
  const fields = 'id version panels { id title show question }';
  t.deepEqual(
    (await ask(`{ dashboard(id: "${dashboard.id}") { ${fields} } }`)).dashboard,
    dashboard,
  );
  const shared = await ask(`{ sharedDashboard { ${fields} } }`, {}, secret);
  t.deepEqual(shared.sharedDashboard, dashboard);
  const [panel] = dashboard.panels;
  const asked = `{ panel(dashboard: "${dashboard.id}", panel: "${panel.id}") { names } }`;
  t.deepEqual((await ask(asked, {}, secret)).panel, { names: ['count'] });
  const sent = await fetch(`http://${server.host}:${server.ingestPort}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', authorization: `Bearer ${secret}` },
    body: '{"type":"x"}',
  });
  t.is(sent.status, 403, 'it sends nothing, although this server takes events from everybody');
});

test('every panel of the dashboard of page views is answered by a rollup, with what a site sends', async (t) => {
  const { server, ask } = await start(t, {
    sessions: [
      {
        ...{ name: 'web', user: 'visitor', gap: '1s', lateness: '0s' },
        ...{ entry: 'path', exit: 'path', dimensions: ['host'] },
      },
    ],
  });
  await view(server, '/home', FIREFOX);
  await view(server, '/home', FIREFOX);
  await view(server, '/home', FIREFOX);
  await view(server, '/cart', SAFARI);
  await view(server, '/home', GOOGLEBOT);
  const { dashboard } = await ask('{ dashboard(id: "web") { builtIn panels { id show } } }');
  t.true(dashboard.builtIn);
  /** The last point of each series, once there is one with a number. */
  const answered = async (panel: string): Promise<Answer> => {
    for (;;) {
      const { panel: answer } = await ask(`{ panel(dashboard: "web", panel: "${panel}") {
        source series { labels { value } points { values { value entries { value count } } } } } }`);
      const values = answer.series.flatMap(({ points }: Answer['series'][number]) =>
        points.flatMap((point) => point.values),
      );
      if (values.some(({ value }: Value) => value !== null && value > 0)) return answer;
      await sleep(100);
    }
  };
  const found = new Map<string, Answer>();
  for (const { id } of dashboard.panels as Panel[]) {
    // It may be no time at all.
    if (id === 'duration') continue;
    const answer = await answered(id);
    t.is(answer.source, 'ROLLUP', id);
    found.set(id, answer);
  }
  const { panel: duration } = await ask(
    '{ panel(dashboard: "web", panel: "duration") { source series { points { values { value } } } } }',
  );
  t.is(duration.source, 'ROLLUP');
  t.not(duration.series[0].points[0].values[0].value, null);
  const firstOf = (id: string) => found.get(id)?.series[0];
  t.is(firstOf('visitors')?.points[0]?.values[0]?.value, 2);
  t.is(firstOf('pages')?.points[0]?.values[0]?.entries?.[0]?.value, '/home');
  t.is(firstOf('sources')?.points[0]?.values[0]?.entries?.[0]?.value, 'news.example');
  const labelsOf = (id: string) => found.get(id)?.series.map(({ labels }) => labels[0]?.value);
  t.deepEqual(labelsOf('browsers')?.toSorted(), ['Firefox', 'Safari']);
  t.deepEqual(labelsOf('systems')?.toSorted(), ['Linux', 'iOS']);
  t.deepEqual(labelsOf('devices')?.toSorted(), ['desktop', 'mobile']);
  t.deepEqual([labelsOf('countries'), labelsOf('bots')], [['DE'], ['Googlebot']]);
});
