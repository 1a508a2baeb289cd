import test from 'ava';
import { ThriftWriter } from '../../../storage/parquet/thrift.ts';

const hex = (write: (writer: ThriftWriter) => void): string => {
  const writer = new ThriftWriter();
  writer.element(() => write(writer));
  return Buffer.from(writer.bytes).toString('hex');
};

test('fields are a difference of ids and a type, integers are zigzag varints', (t) => {
  t.is(
    hex((w) => w.i32(1, 1)),
    '150200',
  );
  t.is(
    hex((w) => w.i32(1, -1)),
    '150100',
  );
  t.is(
    hex((w) => w.i32(3, 64)),
    '35800100',
  );
  t.is(
    hex((w) => w.i64(1, 2 ** 49)),
    '168080808080808002' + '00',
  );
});

test('a boolean is its own type, a text has its length in UTF-8 bytes', (t) => {
  t.is(
    hex((w) => w.bool(1, true)),
    '1100',
  );
  t.is(
    hex((w) => w.bool(2, false)),
    '2200',
  );
  t.is(
    hex((w) => w.text(1, 'é')),
    '1802c3a900',
  );
});

test('ids in a struct begin anew, and go on behind it', (t) => {
  const bytes = hex((w) => {
    w.i32(2, 0);
    w.struct(3, () => w.i32(1, 0));
    w.i32(5, 0);
  });
  t.is(bytes, '2500' + '1c' + '1500' + '00' + '2500' + '00');
});

test('lists of fifteen and more have their length behind the header', (t) => {
  t.is(
    hex((w) => w.i32List(1, [1, 2])),
    '1925020400',
  );
  t.is(
    hex((w) => w.i32List(1, Array(15).fill(0))),
    `19f50f${'00'.repeat(15)}00`,
  );
  t.is(
    hex((w) => w.textList(1, ['a', ''])),
    '192801610000',
  );
});

test('a field that comes out of order is refused', (t) => {
  t.throws(() =>
    hex((w) => {
      w.i32(2, 0);
      w.i32(1, 0);
    }),
  );
});
