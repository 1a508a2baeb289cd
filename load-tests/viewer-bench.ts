/**
 * What somebody who watches costs: `node load-tests/viewer-bench.ts [--viewers 200] [--seconds 20] [--save]`. The dashboard's Overview in Debian's
 * chromium, with events coming: how soon it is painted, and what it takes of a core. Then as many viewers as are asked for, each with the
 * subscriptions of that very page over a WebSocket of its own, and what the server takes more than without them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { chromium, type Page } from 'playwright-core';
import { postEvents } from './post-events.ts';
import { descendants } from './process-tree.ts';
import { processUsage } from './process-usage.ts';
import { grouped, median, saveResult, table } from './results.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';

const STREAM = 'events';
const TYPES = 20;
const POST_EVERY_MS = 100;
const EVENTS_PER_POST = 100;
/** The Overview's shortest range is full of events after it. */
const WARM_UP_MS = 60_000;
const VISITS = 5;

const { values: options } = parseArgs({
  options: {
    viewers: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '20' },
    save: { type: 'boolean', default: false },
  },
});
const viewers = Number(options.viewers);
const seconds = Number(options.seconds);

const folder = scratchFolder('viewer-bench');
const server = await Server.prepare({
  folder,
  partitions: 4,
  config: {
    rollups: [
      {
        ...{ name: 'by_type', stream: STREAM, dimensions: ['type'] },
        measures: ['count', 'distinct(user)', 'quantile(duration_ms)'],
      },
    ],
    archive: { enabled: false },
  },
});
await server.start();
const url = `http://${server.host}:${server.queryPort}/`;
const feeding = new AbortController();
const fed = feed();
const browserServer = await chromium.launchServer({
  executablePath: '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
});
const browser = await chromium.connect(browserServer.wsEndpoint());
try {
  await sleep(WARM_UP_MS);
  const nobody = await serverShare();
  const paintsMs: number[] = [];
  for (let visit = 0; visit < VISITS; visit++) paintsMs.push(await firstPaintMs());
  const { share: page, subscriptions } = await watch();
  await browser.close();
  const watching = await Promise.all(Array.from({ length: viewers }, () => view(subscriptions)));
  await sleep(5_000);
  const before = watching.map(({ messages }) => messages());
  const everybody = await serverShare();
  const perSecond = watching.map(
    ({ messages }, i) => (messages() - (before[i] as number)) / seconds,
  );
  for (const { leave } of watching) leave();
  const rows = [
    ['first paint on loopback, median of 5', `${median(paintsMs).toFixed(0)} ms`],
    ["the browser's processes, of a core", percent(page)],
    ['server with nobody watching, of a core', percent(nobody)],
    [`server with ${viewers} viewers, of a core`, percent(everybody)],
    ['a viewer, of a core', percent((everybody - nobody) / viewers)],
    [
      'messages a viewer gets a second, the least and the most',
      `${Math.min(...perSecond).toFixed(1)} to ${Math.max(...perSecond).toFixed(1)}`,
    ],
  ];
  const text = [
    table<string[]>(
      [
        { title: 'what', cell: ([what = '']) => what },
        { title: 'measured', cell: ([, measured = '']) => measured },
      ],
      rows,
    ),
    '',
    `${grouped((EVENTS_PER_POST * 1_000) / POST_EVERY_MS)} events/s of ${TYPES} types come meanwhile. The page has ${subscriptions.length} subscriptions; each viewer has the same, over a WebSocket of its own, for ${seconds} s. Server, browser and viewers share the cores.`,
  ].join('\n');
  console.log(text);
  if (options.save) console.log(saveResult('viewer', text, { viewers, seconds, rows }));
} finally {
  feeding.abort();
  await fed;
  await browserServer.close();
  await server.kill();
  removeScratch(folder);
}
process.exit(0);

async function feed(): Promise<void> {
  for (let n = 0; !feeding.signal.aborted; n++) {
    const lines = Array.from({ length: EVENTS_PER_POST }, (_, i) =>
      JSON.stringify({
        type: `type-${(n * 7 + i) % TYPES}`,
        user: `u-${(n * EVENTS_PER_POST + i) % 5_000}`,
        duration_ms: (n * 31 + i * 17) % 1_000,
      }),
    );
    await postEvents(server, STREAM, lines.join('\n'), { retryMs: POST_EVERY_MS });
    await sleep(POST_EVERY_MS);
  }
}

/** Of one core, over the time that is asked for. */
async function shareOf(cpuSeconds: () => number): Promise<number> {
  const [startCpu, startMs] = [cpuSeconds(), performance.now()];
  await sleep(seconds * 1_000);
  return ((cpuSeconds() - startCpu) * 1_000) / (performance.now() - startMs);
}

function serverShare(): Promise<number> {
  return shareOf(() => server.usage().cpuSeconds);
}

async function visit(work: (page: Page) => Promise<void>): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1_280, height: 900 } });
  try {
    await work(await context.newPage());
  } finally {
    await context.close();
  }
}

/** Of somebody who has never been here. */
async function firstPaintMs(): Promise<number> {
  let paintMs = 0;
  await visit(async (page) => {
    await page.goto(url);
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    const [entry] = await page.evaluate(() =>
      performance.getEntriesByName('first-contentful-paint').map(({ startTime }) => startTime),
    );
    paintMs = entry ?? Number.NaN;
  });
  return paintMs;
}

/** What the page takes once it stands, and what it has subscribed to. */
async function watch(): Promise<{ readonly share: number; readonly subscriptions: unknown[] }> {
  const subscriptions: unknown[] = [];
  let share = 0;
  await visit(async (page) => {
    page.on('websocket', (socket) =>
      socket.on('framesent', ({ payload }) => {
        const { type, payload: operation } = JSON.parse(`${payload}`);
        if (type === 'subscribe') subscriptions.push(operation);
      }),
    );
    await page.goto(url);
    await page.getByRole('heading', { name: 'Top types' }).waitFor();
    await sleep(5_000);
    const { pid = 0 } = browserServer.process();
    share = await shareOf(() =>
      descendants(pid).reduce((sum, each) => sum + (processUsage(each)?.cpuSeconds ?? 0), 0),
    );
  });
  return { share, subscriptions };
}

interface Viewer {
  messages(): number;
  leave(): void;
}

/** Resolves when the server has taken them. */
async function view(subscriptions: readonly unknown[]): Promise<Viewer> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}graphql`, 'graphql-transport-ws');
  const admitted = Promise.withResolvers<void>();
  let messages = 0;
  socket.onerror = () => admitted.reject(new Error('a viewer was not admitted'));
  socket.onopen = () => socket.send(JSON.stringify({ type: 'connection_init' }));
  socket.onmessage = ({ data }) => {
    const { type } = JSON.parse(String(data));
    if (type === 'next') messages += 1;
    else if (type === 'ping') socket.send(JSON.stringify({ type: 'pong' }));
    else if (type === 'connection_ack') admitted.resolve();
    else throw new Error(`expected an answer, received ${String(data).slice(0, 200)}`);
  };
  await admitted.promise;
  subscriptions.forEach((payload, i) => {
    socket.send(JSON.stringify({ id: `${i}`, type: 'subscribe', payload }));
  });
  return { messages: () => messages, leave: () => socket.close() };
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.01 ? 2 : 1)} %`;
}
