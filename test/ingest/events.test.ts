import test from 'ava';
import { BLOCK_KIND } from '../../src/model/block-format.ts';
import { COLUMN_KIND } from '../../src/model/columns.ts';
import { startTestEdge } from './start-edge.ts';

test('events are acknowledged when their block is in the log', async (t) => {
  const { url, blocks } = await startTestEdge(t);
  const body = '{"type":"a","id":"1","ts":1700000000000,"n":5}\n{"type":"b","id":"2"}\n';
  const reply = await fetch(`${url}/v1/events`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson' },
    body,
  });
  t.is(reply.status, 200);
  const answer = await reply.json();
  t.like(answer, { accepted: 2, rejected: 0, errors: [] });
  t.is(typeof answer.position, 'string');
  const [block, ...more] = await blocks();
  t.deepEqual(more, []);
  t.like(block, {
    kind: BLOCK_KIND.events,
    rows: 2,
    received: 2,
    tenant: 'default',
    stream: 'events',
  });
  const numbers = block?.field('n', COLUMN_KIND.number);
  t.truthy(numbers);
});
