/** Events whose time lies far from their arrival, and senders whose clock is wrong. */
import test from 'ava';
import { pack } from 'msgpackr';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import type { Block } from '../../src/model/block.ts';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import type { EventTimeRule } from '../../src/model/event-time.ts';
import { DAY_MS, EPOCH_MS_MAX, HOUR_MS, MINUTE_MS } from '../../src/model/units.ts';
import { type Request, send } from './send.ts';
import { startTestEdge } from './start-edge.ts';

const NOW = Date.UTC(2026, 10, 22, 3);
const clock = { now: () => NOW };
const columns = new BlockColumns();

/** Of the events in these blocks, in their order. */
const timesIn = (blocks: readonly Block[]): number[] =>
  blocks
    .filter(({ kind }) => kind === BLOCK_KIND.events)
    .flatMap((block) => {
      const ts = columns.load(block).numbers('ts');
      return [...(ts ?? [])].slice(0, block.rows);
    });

const linesOf = (times: readonly (number | undefined)[]): string =>
  times.map((ts, n) => JSON.stringify({ type: 'a', n, ts })).join('\n');

test('times of a sender whose clock is wrong are corrected, and keep their order', async (t) => {
  for (const behindMs of [HOUR_MS, -3 * DAY_MS, NOW - 1_000_000]) {
    const { edge, port, blocks } = await startTestEdge(t, { clock });
    const sentMs = NOW - behindMs;
    const times = [sentMs - 5_000, sentMs - 200, undefined, sentMs, sentMs - 7_000];
    const answer = await send(port, { path: `/v1/events?sentAt=${sentMs}`, body: linesOf(times) });
    t.like(answer.json, { accepted: 5, clockOffsetMs: behindMs });
    t.deepEqual(timesIn(await blocks()), [NOW - 5_000, NOW - 200, NOW, NOW, NOW - 7_000]);
    t.like(edge.counts(), { eventsTimeCorrected: 5, eventsTimeClamped: 0 });
  }
});

test('a clock that is right within what a request takes is left alone', async (t) => {
  const { edge, port, blocks } = await startTestEdge(t, { clock });
  for (const sentAt of [NOW - 5_000, NOW + 5_000, new Date(NOW - 4_000).toISOString()]) {
    const answer = await send(port, { path: `/v1/events?sentAt=${sentAt}`, body: linesOf([7]) });
    t.false('clockOffsetMs' in answer.json);
  }
  t.deepEqual(timesIn(await blocks()), [7, 7, 7]);
  t.is(edge.counts().eventsTimeCorrected, 0);
});

test('a long body is corrected once, however many batches it fills', async (t) => {
  const { edge, port, blocks } = await startTestEdge(t, { clock });
  const count = 50_000;
  const sentMs = NOW - DAY_MS;
  const body = linesOf(Array.from({ length: count }, (_, n) => sentMs - n));
  await send(port, { path: `/v1/events?sentAt=${sentMs}`, body });
  const times = timesIn(await blocks());
  t.deepEqual(
    times,
    Array.from({ length: count }, (_, n) => NOW - n),
  );
  t.is(edge.counts().eventsTimeCorrected, count);
});

test('the body behind one that was corrected is taken as it is', async (t) => {
  const { port, blocks } = await startTestEdge(t, { clock });
  await Promise.all([
    send(port, { path: `/v1/events?sentAt=${NOW - HOUR_MS}`, body: linesOf([NOW - HOUR_MS]) }),
    send(port, { body: linesOf([5]) }),
  ]);
  t.deepEqual(timesIn(await blocks()).sort(), [NOW, 5].sort());
});

test('times in seconds are taken as they are said, with one warning', async (t) => {
  const { port, blocks } = await startTestEdge(t);
  const seconds = '{"type":"a","ts":1700000000}\n';
  const { json } = await send(port, { body: seconds.repeat(9) });
  t.like(json, { accepted: 9, warnings: [{ code: 'ts_in_seconds' }] });
  t.is((json['warnings'] as unknown[]).length, 1);
  t.regex(JSON.stringify(json), /1700000000 was taken as of 1970-01-20T16:13:20\.000Z/);
  t.is((await blocks())[0]?.tsMinMs, 1_700_000_000);
  const packed = { 'content-type': 'application/json' };
  const array = await send(port, { headers: packed, body: '[{"type":"a","ts":1700000000}]' });
  t.like(array.json, { accepted: 1, warnings: [{ code: 'ts_in_seconds' }] });
});

test('other times are answered without a warning', async (t) => {
  const { port } = await startTestEdge(t);
  for (const ts of [1_700_000_000_000, 0, 1e10, 999_999_999, '"2026-11-23T00:00:00Z"']) {
    const { text, json } = await send(port, { body: `{"type":"a","ts":${ts}}` });
    t.is(json['accepted'], 1, text);
    t.false('warnings' in json, text);
  }
  const plain = await send(port, { body: '{"type":"a"}' });
  t.false('warnings' in plain.json);
});

test('a body whose warned times are corrected is warned of what it said', async (t) => {
  const { port } = await startTestEdge(t, { clock: { now: () => 1_700_000_000_000 } });
  const path = '/v1/events?sentAt=1600000000000';
  const { json } = await send(port, { path, body: '{"type":"a","ts":1600000000}' });
  t.like(json, { clockOffsetMs: 100_000_000_000, warnings: [{ code: 'ts_in_seconds' }] });
  t.regex(JSON.stringify(json), /an event with 1600000000 was/);
});

test('what is no time is refused with what was expected', async (t) => {
  const { port } = await startTestEdge(t, { clock });
  for (const sentAt of ['', 'now', '-1', '1e3', '2026-11-22', `${EPOCH_MS_MAX + 1}`]) {
    const answer = await send(port, { path: `/v1/events?sentAt=${sentAt}`, body: linesOf([7]) });
    t.is(answer.status, 400, sentAt);
    t.like(answer.json, { error: { code: 'invalid_parameter' } });
    t.regex(JSON.stringify(answer.json), /epoch milliseconds or as RFC 3339, received/);
  }
});

const RULES: readonly EventTimeRule[] = [
  {
    stream: 'strict',
    future: { beyondMs: HOUR_MS, policy: 'deadLetter' },
    past: { beyondMs: DAY_MS, policy: 'deadLetter' },
  },
  {
    stream: 'clamped',
    future: { beyondMs: HOUR_MS, policy: 'clamp' },
    past: { beyondMs: DAY_MS, policy: 'clamp' },
  },
  { stream: 'kept', past: { beyondMs: DAY_MS, policy: 'keep' } },
  { tenant: 'another', past: { beyondMs: 1, policy: 'deadLetter' } },
];
const TIMES = [
  ...[NOW, NOW + HOUR_MS, NOW - DAY_MS, NOW - MINUTE_MS],
  ...[NOW + HOUR_MS + 1, NOW - DAY_MS - 1, 0, EPOCH_MS_MAX],
];
const NEAR = TIMES.slice(0, 4);

/** The forms of a body take ways of their own through the decoder; lines that are alike another one than the first of them. */
const FORMS: readonly ((times: readonly number[]) => Partial<Request>)[] = [
  (times) => ({ body: linesOf(times) }),
  (times) => ({
    body: JSON.stringify(times.map((ts) => ({ type: 'a', ts: new Date(ts).toISOString() }))),
    headers: { 'content-type': 'application/json' },
  }),
  (times) => ({
    body: pack(times.map((ts) => ({ type: 'a', ts }))),
    headers: { 'content-type': 'application/msgpack' },
  }),
];

test('a stream says what becomes of events that lie too far from now', async (t) => {
  for (const form of FORMS) {
    const { edge, port, blocks } = await startTestEdge(t, { clock, limits: { eventTime: RULES } });
    const to = (stream: string) =>
      send(port, { path: `/v1/events?stream=${stream}`, ...form(TIMES) });
    const strict = await to('strict');
    t.like(strict.json, { accepted: 4, rejected: 4 });
    t.deepEqual(
      (strict.json['errors'] as { line: number; code: string }[]).map(({ line, code }) => [
        line,
        code,
      ]),
      [
        [4, 'ts_too_far_ahead'],
        [5, 'ts_too_old'],
        [6, 'ts_too_old'],
        [7, 'ts_too_far_ahead'],
      ],
    );
    t.like((await to('clamped')).json, { accepted: 8 });
    t.like((await to('kept')).json, { accepted: 8 });
    t.like((await to('other')).json, { accepted: 8 });
    const all = await blocks();
    const of = (stream: string) => timesIn(all.filter((block) => block.stream === stream));
    t.deepEqual(of('strict'), NEAR);
    t.deepEqual(of('clamped'), [...NEAR, NOW, NOW, NOW, NOW]);
    t.deepEqual(of('kept'), TIMES);
    t.deepEqual(of('other'), TIMES);
    const { eventsTimeClamped, eventsRejected } = edge.counts();
    t.is(eventsTimeClamped, 4);
    t.deepEqual(eventsRejected, { ts_too_far_ahead: 2, ts_too_old: 2 });
  }
});

test('times are judged as they are corrected, and the refusal says by how much', async (t) => {
  const { port, blocks } = await startTestEdge(t, { clock, limits: { eventTime: RULES } });
  const sentMs = NOW - 30 * DAY_MS;
  const body = linesOf([sentMs - 5, sentMs - DAY_MS - 7]);
  const answer = await send(port, { path: `/v1/events?stream=strict&sentAt=${sentMs}`, body });
  t.like(answer.json, { accepted: 1, rejected: 1 });
  t.regex(JSON.stringify(answer.json), /86400007 ms behind the server's clock, 86400000 ms are/);
  t.deepEqual(timesIn(await blocks()), [NOW - 5]);
});
