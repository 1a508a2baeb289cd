import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { VisitAnswers } from '../../src/ingest/visits.ts';
import { hashSecret } from '../../src/model/access.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Hit } from '../../src/model/visit.ts';
import { headThenGet } from '../head-then-get.ts';
import { head, send } from './send.ts';
import { startTestEdge, type TestEdge } from './start-edge.ts';

const web = { stream: 'pages' };
const PATH = '/v1/pixel.gif';

/** Hands hits on as they are; `answer` decides whether it answers at all. */
function answering(answer: () => Promise<boolean> = async () => true) {
  const hits: Hit[] = [];
  const visits: VisitAnswers = {
    fieldsOf: async () => undefined,
    async linesOf(some) {
      hits.push(...some);
      if (!(await answer())) return undefined;
      return some.map(({ tenant, stream, query }) => ({
        ...{ tenant, stream, hits: 1 },
        ndjson: JSON.stringify({ type: 'page_view', query }),
      }));
    },
  };
  return { hits, needs: { visits } };
}

const get = (port: number, query = '', headers: Readonly<Record<string, string>> = {}) =>
  send(port, { method: 'GET', path: PATH + query, headers });

/** Rows of events that are durable, once there are so many. */
async function rowsOf(edge: TestEdge, count: number): Promise<string[]> {
  for (;;) {
    const blocks = await edge.blocks();
    const rows = blocks.flatMap(({ rows, tenant, stream }) =>
      Array.from({ length: rows }, () => `${tenant} ${stream}`),
    );
    if (rows.length >= count) return rows;
    await sleep(5);
  }
}

/** Once so many are lost. */
async function lostOf({ edge }: TestEdge): Promise<Readonly<Record<string, number>>> {
  for (;;) {
    const { pixelHitsLost } = edge.counts();
    if (Object.keys(pixelHitsLost).length > 0) return pixelHitsLost;
    await sleep(5);
  }
}

test('the pixel is a GIF of 43 bytes that nobody keeps, and its request an event of the stream of pages', async (t) => {
  const { hits, needs } = answering();
  const edge = await startTestEdge(t, { web, needs });
  const answer = await get(edge.port, '?path=/cart', {
    'user-agent': 'Agent/1',
    referer: 'https://shop.example/',
    'accept-language': 'de',
  });
  t.is(answer.status, 200);
  t.like(answer.headers, {
    ...{ 'content-type': 'image/gif', 'content-length': '43', 'cache-control': 'no-store' },
    ...{ 'access-control-allow-origin': '*', 'cross-origin-resource-policy': 'cross-origin' },
  });
  t.true(answer.text.startsWith('GIF89a'));
  t.deepEqual(await rowsOf(edge, 1), ['default pages']);
  t.like(hits[0], {
    ...{ tenant: 'default', stream: 'pages', network: '127.0.0.0', agent: 'Agent/1' },
    ...{ query: 'path=/cart', page: 'https://shop.example/', languages: 'de', isPrivate: false },
  });
  t.is(edge.edge.counts().pixelHits, 1);
});

test('HEAD is answered as GET, without the image, and is no view', async (t) => {
  const { hits, needs } = answering();
  const edge = await startTestEdge(t, { web, needs });
  const text = await headThenGet(edge.port, PATH, 'D\u0001\u0000;');
  t.is(text.split('HTTP/1.1 200 OK').length, 3);
  t.is(text.split('GIF89a').length, 2);
  await rowsOf(edge, 1);
  t.is(hits.length, 1);
  t.is(edge.edge.counts().pixelHits, 1);
});

test('who does not want to be known says so by DNT or by Sec-GPC', async (t) => {
  const { hits, needs } = answering();
  const edge = await startTestEdge(t, { web, needs });
  await get(edge.port, '?n=1', { dnt: '1' });
  await get(edge.port, '?n=2', { 'sec-gpc': '1' });
  await get(edge.port, '?n=3', { dnt: '0' });
  await rowsOf(edge, 3);
  t.deepEqual(
    hits.map(({ isPrivate }) => isPrivate),
    [true, true, false],
  );
});

test('an address that was forwarded counts only where a trusted proxy says it', async (t) => {
  const headers = { 'x-forwarded-for': '198.51.100.77' };
  for (const [trustedProxies, network] of [
    [['127.0.0.0/8'], '198.51.100.0'],
    [[], '127.0.0.0'],
  ] as const) {
    const { hits, needs } = answering();
    const edge = await startTestEdge(t, { web, needs, trustedProxies });
    await get(edge.port, '', headers);
    await rowsOf(edge, 1);
    t.is(hits[0]?.network, network);
  }
});

test('a key in the address says whose page it is; one that is wrong is told so', async (t) => {
  const { needs } = answering();
  const keys = [
    { id: 'p', tenant: 'acme', scopes: ['write'] as const, hash: hashSecret('secret') },
  ];
  const edge = await startTestEdge(t, { web, needs, keys });
  t.is((await get(edge.port, '?key=wrong')).status, 401);
  t.is((await get(edge.port, '?key=secret&stream=bad%20name')).status, 400);
  t.is((await get(edge.port, '?key=secret&stream=mails')).status, 200);
  t.deepEqual(await rowsOf(edge, 1), ['acme mails']);
});

test('it answers before anything is durable, and counts what is lost behind that', async (t) => {
  const disk = Promise.withResolvers<never>();
  const edge = await startTestEdge(t, {
    ...{ web, needs: answering().needs },
    log: (log) => ({ append: () => disk.promise, refusal: log.refusal }),
  });
  t.is((await get(edge.port)).status, 200);
  t.deepEqual(edge.edge.counts().pixelHitsLost, {});
  disk.reject(new AppError('log_io', 'the disk is gone'));
  t.deepEqual(await lostOf(edge), { log_io: 1 });
});

test('with a log that takes nothing, or a tenant over its quota, it is answered and lost', async (t) => {
  const full = await startTestEdge(t, {
    ...{ web, needs: answering().needs },
    log: ({ append }) => ({ append, refusal: 'log_full' }),
  });
  t.is((await get(full.port)).status, 200);
  t.deepEqual(full.edge.counts().pixelHitsLost, { log_full: 1 });
  const owing = await startTestEdge(t, {
    ...{ web, needs: answering().needs, clock: { now: () => 0 } },
    limits: { eventsPerSecondMax: 1 },
  });
  t.is((await send(owing.port, { body: '{"type":"a"}\n'.repeat(9) })).status, 200);
  t.is((await get(owing.port)).status, 200);
  t.deepEqual(owing.edge.counts().pixelHitsLost, { quota_exceeded: 1 });
});

test('hits that nobody makes into events are lost and counted; those behind them are not', async (t) => {
  let answers = 0;
  const { needs } = answering(async () => answers++ > 0);
  const edge = await startTestEdge(t, { web, needs });
  await get(edge.port, '?n=1');
  t.deepEqual(await lostOf(edge), { unanswered: 1 });
  await get(edge.port, '?n=2');
  t.is((await rowsOf(edge, 1)).length, 1);
});

test('what may wait is bounded: past it hits are answered and lost', async (t) => {
  const stuck = Promise.withResolvers<boolean>();
  const { needs } = answering(() => stuck.promise);
  const edge = await startTestEdge(t, { web, needs });
  const query = `a=${'x'.repeat(3_000)}`;
  const request = head({ method: 'GET', path: `${PATH}?${query}` });
  const fitting = Math.floor((16 * 2 ** 20) / (256 + query.length));
  const socket = connect(edge.port, '127.0.0.1');
  t.teardown(() => socket.destroy());
  socket.write(request.repeat(fitting + 7));
  socket.resume();
  while (edge.edge.counts().pixelHits < fitting + 7) await sleep(5);
  t.deepEqual(edge.edge.counts().pixelHitsLost, { overloaded: 7 });
  stuck.resolve(true);
});

test('hits that were answered are durable when the edge has closed', async (t) => {
  const { needs } = answering(async () => {
    await sleep(20);
    return true;
  });
  const edge = await startTestEdge(t, { web, needs });
  for (let n = 0; n < 5; n++) await get(edge.port, `?n=${n}`);
  await edge.edge.close();
  t.is((await rowsOf(edge, 5)).length, 5);
});

test('without pages in the configuration there is no pixel, and the answer says so', async (t) => {
  const edge = await startTestEdge(t);
  const answer = await get(edge.port);
  t.is(answer.status, 404);
  t.regex(answer.text, /not_found.*web\.enabled/);
  const { needs } = answering();
  const other = await startTestEdge(t, { web, needs });
  const posted = await send(other.port, { path: PATH, body: '{}' });
  t.is(posted.status, 405);
  t.is(posted.headers['allow'], 'GET, HEAD');
});
