/** Page views asked of a server as it is run: the pixel in, the aggregates of a site out. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { Server } from '../load-tests/server.ts';

const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0';
const SAFARI =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148 Safari/604.1';
const GOOGLEBOT = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';

async function start(t: ExecutionContext): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-web-'));
  const server = await Server.prepare({
    folder,
    partitions: 3,
    config: {
      ...{ rollups: [], web: { enabled: true }, alarms: { server: { enabled: false } } },
      sessions: [
        {
          ...{ name: 'web', user: 'visitor', gap: '1s', lateness: '0s' },
          ...{ entry: 'path', exit: 'path', dimensions: ['device_type'] },
        },
      ],
    },
  });
  await server.start();
  t.teardown(async () => {
    await server.kill();
    await rm(folder, { recursive: true });
  });
  return server;
}

async function view(server: Server, agent: string, path: string, more = '', headers = {}) {
  const address = `http://${server.host}:${server.ingestPort}/v1/pixel.gif?url=http://shop.example${path}${more}`;
  const answer = await fetch(address, { headers: { 'user-agent': agent, ...headers } });
  if (answer.status !== 200) throw new Error(await answer.text());
  await answer.arrayBuffer();
}

interface Value {
  readonly value: number | null;
  readonly entries: readonly { readonly value: string; readonly count: number }[] | null;
}
interface Series {
  readonly labels: readonly { readonly value: string }[];
  readonly points: readonly { readonly values: readonly Value[] }[];
}

/** The first step of each series, by its labels; asked until it is so. */
async function asked(
  server: Server,
  question: string,
  isSo: (found: Readonly<Record<string, readonly Value[]>>) => boolean,
): Promise<Readonly<Record<string, readonly Value[]>>> {
  for (;;) {
    const { timeseries } = await server.query<{ timeseries: { series: readonly Series[] } }>(
      `{ timeseries(last: "1d", step: "1d", source: ROLLUP, ${question}) {
        series { labels { value } points { values { value entries { value count } } } } } }`,
    );
    const found = timeseries.series.map(({ labels, points }) => [
      labels.map(({ value }) => value).join(' '),
      points.at(-1)?.values ?? [],
    ]);
    const byLabels = Object.fromEntries(found);
    if (isSo(byLabels)) return byLabels;
    await sleep(50);
  }
}

const viewsOf = (bot: boolean) =>
  `where: { and: [{ field: "type", eq: "page_view" }, { field: "bot", eq: "${bot}" }] }`;

test('views of the pixel are visitors, pages, sources, devices and sessions; programs are counted apart', async (t) => {
  const server = await start(t);
  await view(server, FIREFOX, '/home', '&referrer=https://www.google.com/search');
  await view(server, FIREFOX, '/cart', '&referrer=http://shop.example/home');
  await view(server, SAFARI, '/home');
  await view(server, FIREFOX, '/quiet', '', { 'sec-gpc': '1' });
  await view(server, GOOGLEBOT, '/home');

  const views = await asked(
    server,
    `${viewsOf(false)}, groupBy: ["host"], measures: [{ op: count }, { op: distinct, field: "visitor" },
      { op: top, field: "path", k: 1 }, { op: top, field: "source", k: 3 }]`,
    (found) => (found['shop.example']?.[0]?.value ?? 0) >= 4,
  );
  const [count, visitors, paths, sources] = views['shop.example'] ?? [];
  t.deepEqual([count?.value, visitors?.value], [4, 2]);
  t.deepEqual(paths?.entries, [{ value: '/home', count: 2 }]);
  t.deepEqual(sources?.entries, [{ value: 'www.google.com', count: 1 }]);

  const devices = await asked(
    server,
    `${viewsOf(false)}, groupBy: ["browser", "os", "device_type"]`,
    (found) => Object.keys(found).length >= 2,
  );
  t.deepEqual(Object.keys(devices).sort(), ['Firefox Linux desktop', 'Safari iOS mobile']);

  const bots = await asked(
    server,
    `${viewsOf(true)}, groupBy: ["browser"]`,
    (found) => 'Googlebot' in found,
  );
  t.is(bots['Googlebot']?.[0]?.value, 1);

  const sessions = await asked(
    server,
    'stream: "sessions:web", groupBy: ["device_type"], measures: [{ op: count }, { op: avg, field: "bounce" }, { op: top, field: "exit", k: 1 }]',
    (found) => 'mobile' in found,
  );
  const [ended, bounces, exits] = sessions['mobile'] ?? [];
  t.deepEqual([ended?.value, bounces?.value], [1, 1]);
  t.deepEqual(exits?.entries, [{ value: '/home', count: 1 }]);
});
