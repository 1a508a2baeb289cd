import { Reader, Writer } from '@platformatic/kafka';
import test from 'ava';
import { FETCH, freePieces } from '../../../storage/kafka/fetch.ts';

const PIECE_BYTES = 1_000;

/** The answer of a broker with these records of the partitions from 0 on, in pieces of memory of their own as a socket hands them on. */
function answerOf(records: readonly Buffer[]) {
  const writer = Writer.create();
  writer.appendInt32(0).appendInt16(0).appendInt32(0);
  writer.appendArray([0], (topic) => {
    topic.appendUUID('00000000-0000-0000-0000-000000000001');
    topic.appendArray([...records.entries()], (each, [partition, bytes]) => {
      each.appendInt32(partition).appendInt16(0);
      each.appendInt64(7n).appendInt64(7n).appendInt64(3n);
      each.appendArray(null, () => undefined);
      each.appendInt32(-1).appendBytes(bytes);
    });
  });
  const whole = writer.buffer;
  const pieces: Buffer[] = [];
  for (let at = 0; at < whole.length; at += PIECE_BYTES) {
    pieces.push(Buffer.from(Uint8Array.from(whole.subarray(at, at + PIECE_BYTES)).buffer));
  }
  const reader = Reader.from(writer);
  reader.buffer.buffers = pieces;
  return { answer: FETCH.parse(0, FETCH.key, FETCH.version, reader), pieces };
}

const counted = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => i % 251));

test('records are as they were sent, in however many pieces they come', (t) => {
  const sent = [counted(3), counted(4_321), counted(0), counted(1_500), counted(10_000)];
  const { answer } = answerOf(sent);
  freePieces(answer);
  t.is(answer.errorCode, 0);
  t.deepEqual(
    answer.partitions.map(({ partition, start, end }) => [partition, start, end]),
    sent.map((_, partition) => [partition, 3, 7]),
  );
  t.deepEqual(
    answer.partitions.map(({ records }) => Buffer.from(records as Buffer)),
    sent,
  );
});

test('pieces that hold records alone are freed, those at the ends of a partition are not', (t) => {
  const { answer, pieces } = answerOf([counted(2_500), counted(10_000)]);
  t.true(
    pieces.every(({ length }) => length > 0),
    'not before the client is done with them',
  );
  freePieces(answer);
  const isFreed = pieces.map(({ length }) => length === 0);
  t.deepEqual(isFreed, [false, true, false, ...new Array(9).fill(true), false]);
});
