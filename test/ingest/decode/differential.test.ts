import test from 'ava';
import fc from 'fast-check';
import { NASTY_LINES } from './corpus.ts';
import {
  arrayDisagreement,
  decodeAll,
  decodeOneByOne,
  difference,
  disagreement,
  hostileLines,
} from './differential.ts';

test('every line of the corpus is accepted or refused as the table says', (t) => {
  for (const { line, outcome } of NASTY_LINES) {
    const { rows, rejected } = decodeOneByOne([Buffer.from(line)]);
    const received = rejected[0] ?? (rows.length === 1 ? 'accepted' : 'nothing');
    t.is(received, outcome, Buffer.from(line).toString());
  }
});

test('the corpus is decoded the same whatever was learned from it', (t) => {
  const lines = NASTY_LINES.map(({ line }) => Buffer.from(line));
  t.is(disagreement(lines), undefined);
  t.is(disagreement(lines.toReversed()), undefined);
  t.is(arrayDisagreement(lines), undefined);
});

test('after a shape is learned, any one byte of its line may be another', (t) => {
  const line = Buffer.from(
    '{"type":"ab","id":"i1","ts":1700000000000,"n":-12.5,"o":{"k":true},"user":77,"z":null}',
  );
  const interesting = Buffer.from('"\\{}[],:01-.eE tfn\u0000\r\u007f');
  for (let at = 0; at < line.length; at++) {
    for (const byte of [...interesting, 0x80, 0xc3, 0xff]) {
      const hurt = Buffer.from(line);
      hurt[at] = byte;
      const cold = decodeOneByOne([line, hurt, line]);
      const warm = decodeAll('ndjson', [
        Buffer.concat([line, Buffer.from('\n'), hurt, Buffer.from('\n'), line]),
      ]);
      t.is(difference(warm, cold), undefined, hurt.toString('latin1'));
    }
  }
});

test('hostile lines of mixed programs give the same rows and rejections by shape and by JSON.parse', (t) => {
  fc.assert(
    fc.property(hostileLines, (lines) => {
      const found = disagreement(lines) ?? arrayDisagreement(lines);
      if (found !== undefined) throw new Error(found);
    }),
    { numRuns: 800, interruptAfterTimeLimit: 5000 },
  );
  t.pass();
});
