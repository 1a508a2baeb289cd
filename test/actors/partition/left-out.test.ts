import test from 'ava';
import { rowAsJson } from '../../../actors/partition/left-out.ts';
import { eventBlock } from '../../aggregate/event-blocks.ts';

test('an event is shown with all of its fields', (t) => {
  const event = { type: 'view', id: 'x', ts: 5, n: 1.5, ok: false, none: null };
  const block = eventBlock([{ type: 'a', none: 'there' }, event], { arrivalMs: 0 });
  t.deepEqual(JSON.parse(rowAsJson(block, 1)), { type: 'view', id: 'x', ts: 5, n: 1.5, ok: false });
});
