/** What a dead letter becomes when it is sent again. */
import test from 'ava';
import fc from 'fast-check';
import type { RejectionCode } from '../../src/model/errors.ts';
import { eventOfLetter } from '../../src/query/letter-event.ts';

const LETTER = { id: '1.0.0.2s', arrivalMs: 1_790_000_000_000, raw: Buffer.from('{"n":1') };

function eventOf(text: string): unknown {
  const event = eventOfLetter(LETTER, text);
  if (!event.ok) throw new Error(event.error.message);
  return JSON.parse(event.value);
}

test('an event has an id and a time: its own, or those of its letter', (t) => {
  const given = { id: 'dead-letter:1.0.0.2s', ts: LETTER.arrivalMs };
  t.deepEqual(eventOf('{}'), given);
  t.deepEqual(eventOf(' \ufeff{ "type": "a" } \n'), { type: 'a', ...given });
  t.deepEqual(eventOf('{"id":"x"}'), { id: 'x', ts: given.ts });
  t.deepEqual(eventOf('{"ts":5,"id":null}'), { ts: 5, id: given.id });
  const own = eventOfLetter(LETTER, '{"id":"x","ts":5,"n":1.50}');
  t.deepEqual(own, { ok: true, value: '{"id":"x","ts":5,"n":1.50}' });
});

test('what else an event says stays as it is', (t) => {
  const value = fc.jsonValue({ maxDepth: 2 });
  fc.assert(
    fc.property(fc.dictionary(fc.string(), value), (event) => {
      const sent = eventOf(JSON.stringify(event));
      const expected = JSON.parse(JSON.stringify(event));
      expected.id ??= 'dead-letter:1.0.0.2s';
      expected.ts ??= LETTER.arrivalMs;
      t.deepEqual(sent, expected);
    }),
  );
});

test('what is no event is refused with the code that the edge has for it', (t) => {
  const cases: [string | undefined, Uint8Array, RejectionCode, RegExp][] = [
    [undefined, LETTER.raw, 'invalid_json', /4 KiB of it are kept.*send it fixed/],
    [undefined, Buffer.from([0xff]), 'invalid_utf8', /send it fixed/],
    [undefined, Buffer.from(''), 'invalid_json', /send it fixed/],
    ['{"a":1}}', LETTER.raw, 'invalid_json', /not valid JSON/],
    ['[{"type":"a"}]', LETTER.raw, 'not_an_object', /must be an object/],
    ['null', LETTER.raw, 'not_an_object', /must be an object/],
    ['7', LETTER.raw, 'not_an_object', /must be an object/],
  ];
  for (const [text, raw, code, message] of cases) {
    const event = eventOfLetter({ ...LETTER, raw }, text);
    if (event.ok) {
      t.fail(`${text} is no event`);
      continue;
    }
    t.is(event.error.code, code);
    t.regex(event.error.message, message);
  }
});
