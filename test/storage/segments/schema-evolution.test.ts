import test from 'ava';
import fc from 'fast-check';
import { COLUMN_KIND, type ColumnKind } from '../../../src/model/columns.ts';
import type { StreamSchema } from '../../../src/model/stream-schema.ts';
import {
  COLUMN_NAME_LENGTH_MAX,
  evolveSchema,
  type FieldPresence,
  OBSERVED_FIELDS_MAX,
  Observation,
  SCHEMA_COLUMNS_MAX,
} from '../../../storage/segments/schema-evolution.ts';
import { blockOf, fieldName, OF } from './sample-blocks.ts';

const { string, number, boolean } = COLUMN_KIND;

const observed = (fields: readonly FieldPresence[], rows = 100) => ({ ...OF, rows, fields });
const present = (field: string, kind: ColumnKind = string, rows = 100): FieldPresence => ({
  field,
  kind,
  rows,
});
const namesFor = (...fields: string[]): string[] =>
  evolveSchema(
    undefined,
    observed(fields.map((field, i) => present(field, string, 100 - i))),
  ).columns.map(({ name }) => name);

const presences = fc
  .array(
    fc.record({
      field: fieldName,
      kind: fc.constantFrom<ColumnKind>(string, number, boolean),
      rows: fc.nat({ max: 100 }),
    }),
    {
      maxLength: 40,
    },
  )
  .map((fields) => [
    ...new Map(fields.map((field) => [`${field.kind}${field.field}`, field])).values(),
  ]);

test('names of columns are lower case, of letters, digits and _', (t) => {
  t.deepEqual(namesFor('userId', 'a.b-c', '1st', '', 'Größe', '🙂'), [
    'userid',
    'a_b_c',
    '_1st',
    '_',
    'gr__e',
    '__2',
  ]);
});

test('a name that is taken gets a number, the names of fixed columns and folders included', (t) => {
  t.deepEqual(namesFor('A', 'a', 'a_2', 'more', 'dt', '_row', 'ID'), [
    'a',
    'a_2',
    'a_2_2',
    'more_2',
    'dt_2',
    '_row_2',
    'id_2',
  ]);
});

test('a further kind of a field is told by its name', (t) => {
  const schema = evolveSchema(
    undefined,
    observed([present('n', number, 90), present('n', string, 80), present('n', boolean, 70)]),
  );
  t.deepEqual(
    schema.columns.map(({ name, kind }) => [name, kind]),
    [
      ['n', number],
      ['n_string', string],
      ['n_boolean', boolean],
    ],
  );
});

test('a field becomes a column when one row in a hundred has it', (t) => {
  const schema = evolveSchema(
    undefined,
    observed([present('often', string, 2), present('seldom', string, 1)], 101),
  );
  t.deepEqual(
    schema.columns.map(({ name }) => name),
    ['often'],
  );
});

test('a stream has no more than its bound of columns, and the fullest fields get them', (t) => {
  const fields = Array.from({ length: SCHEMA_COLUMNS_MAX + 50 }, (_, i) =>
    present(`f${i}`, string, 50 + i),
  );
  const schema = evolveSchema(undefined, observed(fields, 1_000));
  t.is(schema.columns.length, SCHEMA_COLUMNS_MAX);
  t.is(schema.columns[0]?.name, `f${SCHEMA_COLUMNS_MAX + 49}`);
  t.is(evolveSchema(schema, observed([present('late')])), schema);
});

test('for any fields: names are unique, columns keep their place, and the order of observing does not matter', (t) => {
  fc.assert(
    fc.property(fc.array(presences, { minLength: 1, maxLength: 4 }), fc.nat(), (cuts, turn) => {
      let schema: StreamSchema | undefined;
      for (const fields of cuts) {
        const next: StreamSchema = evolveSchema(schema, observed(fields));
        const at = turn % (fields.length + 1);
        t.deepEqual(
          evolveSchema(schema, observed([...fields.slice(at), ...fields.slice(0, at)])),
          next,
        );
        t.deepEqual(next.columns.slice(0, schema?.columns.length ?? 0), schema?.columns ?? []);
        t.is(next.version, next === schema ? schema.version : (schema?.version ?? 0) + 1);
        schema = next;
      }
      const names = schema?.columns.map(({ name }) => name) ?? [];
      t.is(new Set(names.map((name) => name.toLowerCase())).size, names.length);
      for (const name of names) t.regex(name, /^[a-z_][a-z0-9_]*$/);
      const keys = schema?.columns.map(({ field, kind }) => `${kind}${field}`) ?? [];
      t.is(new Set(keys).size, keys.length);
      if (schema !== undefined) t.is(evolveSchema(schema, observed([])), schema);
    }),
  );
});

test('a long name is cut', (t) => {
  const [a, b] = namesFor('x'.repeat(500), 'x'.repeat(501));
  t.is(a, 'x'.repeat(COLUMN_NAME_LENGTH_MAX));
  t.is(b, `${a}_2`);
});

test('observing counts the rows of each field and kind, and passes over what has a column', (t) => {
  const events = [{ a: 1, b: 'x' }, { a: 'one' }, { c: true, a: 2 }, {}].map((fields) => ({
    id: null,
    ts: 1,
    type: 'view',
    fields,
  }));
  const block = blockOf({ partition: 0, arrivalMs: 1, events });
  const first = new Observation(OF, undefined);
  first.add(block);
  first.add(block);
  t.is(first.rows, 8);
  const byField = (a: FieldPresence, b: FieldPresence) =>
    a.field < b.field ? -1 : a.field > b.field ? 1 : a.kind - b.kind;
  t.deepEqual(first.fields.toSorted(byField), [
    present('a', string, 2),
    present('a', number, 4),
    present('b', string, 2),
    present('c', boolean, 2),
  ]);
  const second = new Observation(OF, evolveSchema(undefined, first));
  second.add(block);
  t.deepEqual(second.fields, []);
});

test('observing has a bound, whatever names are sent', (t) => {
  const observation = new Observation(OF, undefined);
  for (let i = 0; i <= OBSERVED_FIELDS_MAX / 100; i++) {
    const fields = Object.fromEntries(
      Array.from({ length: 100 }, (_, j) => [`f${i * 100 + j}`, 1]),
    );
    observation.add(
      blockOf({ partition: 0, arrivalMs: 1, events: [{ id: null, ts: 1, type: 'view', fields }] }),
    );
  }
  t.is(observation.fields.length, OBSERVED_FIELDS_MAX);
});
