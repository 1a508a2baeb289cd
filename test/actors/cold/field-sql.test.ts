/** Fields in SQL, held against what JavaScript makes of the same values. */
import test from 'ava';
import fc from 'fast-check';
import { FieldSql, numberText } from '../../../actors/cold/field-sql.ts';
import { COLUMN_KIND } from '../../../src/model/columns.ts';
import { literal } from '../../../storage/segments/segment-columns.ts';
import { openWorkshop } from '../../storage/segments/read-segment.ts';

const EDGES = [
  ...[0, -0, 1, -1, 0.1, 1e-4, 9.9e-5, 1.25e-5, 1e-6, 9e-7, 1.5e-10, 5e-324],
  ...[1e15, 1e15 + 0.5, 2 ** 53, 2 ** 53 + 2, 1e16, 1.2e20, 999999999999999900000, 1e21, 1.5e21],
  ...[1.7e308, -2.5e-5, -1e-9, -1.2e20, 123456789.125, 123456789012345.67],
];

test('a number has the text that JavaScript writes', async (t) => {
  const { duck } = await openWorkshop(t);
  const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), {
    minLength: 500,
    maxLength: 500,
  });
  await fc.assert(
    fc.asyncProperty(numbers, async (drawn) => {
      const values = [...drawn, ...EDGES];
      const rows = values.map((value, i) => `(${i}, '${value}'::DOUBLE)`).join(', ');
      const found = await duck.rows(
        `SELECT ${numberText('x')} AS text FROM (VALUES ${rows}) AS t(i, x) ORDER BY i`,
      );
      t.deepEqual(
        found.map(({ text }) => text),
        values.map(String),
      );
    }),
    { numRuns: 5 },
  );
});

test('a rare field is a number if it is written like one', async (t) => {
  const { duck } = await openWorkshop(t);
  const schema = { tenant: 'default', stream: 'shop', version: 1, columns: [] };
  const fields = new FieldSql(schema);
  const sql = fields.number('n', true).replaceAll(/\$\d+/g, "'n'");
  const texts = ['7', '-0.5', '1e+21', '1.5e-7', '0x10', ' 7', '7.', '.5', '07', 'inf', '1_0', ''];
  const rows = texts.map((text, i) => `(${i}, MAP {'n': ${literal(text)}})`).join(', ');
  const found = await duck.rows(
    `SELECT ${sql} AS n FROM (VALUES ${rows}, (99, NULL)) AS t(i, more) ORDER BY i`,
  );
  t.deepEqual(
    found.map(({ n }) => n),
    [7, -0.5, 1e21, 1.5e-7, ...new Array(texts.length - 4 + 1).fill(null)],
  );
});

test('the map of rare fields is left unread where a column has all that may count', (t) => {
  const column = (kind: 1 | 2 | 3) => ({ name: `f${kind}`, field: 'f', kind });
  const schema = { tenant: 'default', stream: 'shop', version: 1 };
  const some = new FieldSql({ ...schema, columns: [column(COLUMN_KIND.number)] });
  t.notRegex(some.number('f', true), /more/);
  t.regex(some.number('f', false), /more/);
  t.regex(some.text('f', true), /more/);
  const all = new FieldSql({ ...schema, columns: [column(1), column(2), column(3)] });
  t.notRegex(all.text('f', true), /more/);
  t.regex(all.text('f', false), /more/);
});
