/** Events that pages post: what they get of the visit that they are of. */
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { VisitAnswers } from '../../src/ingest/visits.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import type { Visit, VisitFields } from '../../src/model/visit.ts';
import { blockColumns, readRows } from './decode/rows.ts';
import { type Request, send } from './send.ts';
import { startTestEdge, type TestEdge, type TestEdgeOptions } from './start-edge.ts';

const web = { stream: 'events' };
const PAGE = { origin: 'https://shop.example', 'user-agent': 'Agent/1' };
const FIELDS: VisitFields = { visitor: 'anna', browser: 'Firefox', os: 'Linux', bot: false };

/** Answers whoever asks. */
async function startPages(
  t: ExecutionContext,
  fields: VisitFields | undefined,
  options: TestEdgeOptions = {},
) {
  const asked: Visit[] = [];
  const visits: VisitAnswers = {
    async fieldsOf(visit) {
      asked.push(visit);
      return fields;
    },
    linesOf: async () => undefined,
  };
  const edge = await startTestEdge(t, { web, needs: { visits }, ...options });
  return { ...edge, asked };
}

const post = ({ port }: TestEdge, lines: readonly object[], more: Partial<Request> = {}) =>
  send(port, {
    headers: PAGE,
    body: lines.map((line) => JSON.stringify({ type: 'a', ...line })).join('\n'),
    ...more,
  });

/** Fields of all events, in the order of the log. */
async function fieldsOf({ blocks }: TestEdge) {
  const events = (await blocks()).filter(({ kind }) => kind === BLOCK_KIND.events);
  return events.flatMap((block) =>
    readRows(blockColumns(block), block.rows).map((row) => {
      const fields = [...row].map(([name, value]) => [name.split(':', 1)[0] ?? '', value] as const);
      const { ts: _, type: __, ...rest } = Object.fromEntries(fields);
      return rest;
    }),
  );
}

test('events of a page get what their visit says, and keep what they say themselves', async (t) => {
  const edge = await startPages(t, FIELDS);
  const answer = await post(edge, [{ n: 1 }, { n: 2, browser: 'Mine', bot: 'maybe' }, { os: 7 }]);
  t.is(answer.json['accepted'], 3);
  t.deepEqual(await fieldsOf(edge), [
    { n: 1, ...FIELDS },
    { n: 2, ...FIELDS, browser: 'Mine', bot: 'maybe' },
    { ...FIELDS, os: 7 },
  ]);
  t.like(edge.asked, [{ tenant: 'default', agent: 'Agent/1', network: '127.0.0.0' }]);
});

test('the visitor is the device that the page has told, and nobody where none may be known', async (t) => {
  const lines = [{ device: 'phone' }, { device: '' }, { visitor: 'mine', device: 'phone' }, {}];
  const edge = await startPages(t, FIELDS);
  await post(edge, lines);
  const visitors = (await fieldsOf(edge)).map(({ visitor }) => visitor);
  t.deepEqual(visitors, ['phone', 'anna', 'mine', 'anna']);
  const quiet = await startPages(t, { browser: 'Firefox', bot: false });
  await post(quiet, [{ device: 'phone' }]);
  t.deepEqual(await fieldsOf(quiet), [{ device: 'phone', browser: 'Firefox', bot: false }]);
});

test('an event that says neither key nor user is placed by its visitor, any other as ever', async (t) => {
  const partitionsOf = async (fields: VisitFields | undefined, lines: readonly object[]) => {
    const edge = await startPages(t, fields, { partitions: 64 });
    await post(edge, lines);
    return (await edge.blocks()).map(({ partition }) => partition);
  };
  const [byKey] = await partitionsOf(undefined, [{ key: 'anna' }]);
  const ids = [{ id: '1' }, { id: '2' }, { id: '3' }, {}];
  t.deepEqual(await partitionsOf(FIELDS, ids), [byKey]);
  const [byUser] = await partitionsOf(undefined, [{ user: 'u-1' }]);
  t.deepEqual(await partitionsOf(FIELDS, [{ user: 'u-1' }]), [byUser]);
});

test('what is no page, or of another stream, gets nothing', async (t) => {
  const edge = await startPages(t, FIELDS);
  await post(edge, [{ n: 1 }], { headers: { 'user-agent': 'curl/8' } });
  await post(edge, [{ n: 2 }], { path: '/v1/events?stream=other' });
  t.deepEqual(await fieldsOf(edge), [{ n: 1 }, { n: 2 }]);
  t.deepEqual(edge.asked, []);
});

test('events of a visit that nobody knows are taken as they are, and counted', async (t) => {
  const edge = await startPages(t, undefined);
  t.is((await post(edge, [{ n: 1 }])).json['accepted'], 1);
  t.deepEqual(await fieldsOf(edge), [{ n: 1 }]);
  t.is(edge.edge.counts().visitsUnknown, 1);
});

test('packed bodies, arrays and bodies of many batches get the same', async (t) => {
  const edge = await startPages(t, FIELDS);
  await post(edge, [], {
    headers: { ...PAGE, 'content-encoding': 'gzip' },
    body: gzipSync('{"type":"a"}\n{"type":"a"}'),
  });
  await post(edge, [], {
    headers: { ...PAGE, 'content-type': 'application/json' },
    body: '[{"type":"a"},{"type":"a"}]',
  });
  const many = Array.from({ length: 20_000 }, (_, n) => ({ n }));
  await post(edge, many);
  const found = await fieldsOf(edge);
  t.is(found.length, 4 + many.length);
  t.true(
    found.every(
      ({ visitor, browser, os, bot }) =>
        visitor === 'anna' && browser === 'Firefox' && os === 'Linux' && bot === false,
    ),
  );
  t.deepEqual(
    found.slice(4).map(({ n }) => n),
    many.map(({ n }) => n),
  );
});

test('pages of several visits share a batch, each with its own', async (t) => {
  const agents = ['a', 'b', 'c'];
  const edge = await startTestEdge(t, {
    ...{ web },
    needs: {
      visits: {
        fieldsOf: async ({ agent }) => ({ browser: agent, bot: agent === 'b' }),
        linesOf: async () => undefined,
      },
    },
  });
  await Promise.all(
    agents.map((agent) =>
      post(edge, [{ agent }, { agent }], { headers: { ...PAGE, 'user-agent': agent } }),
    ),
  );
  const found = await fieldsOf(edge);
  t.is(found.length, 6);
  t.true(found.every(({ agent, browser, bot }) => agent === browser && bot === (agent === 'b')));
});
