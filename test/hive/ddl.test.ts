import test from 'ava';
import {
  addColumns,
  addPartitions,
  createDatabase,
  createTable,
  dropPartitions,
  hiveColumns,
  hourOfPartition,
  replaceColumns,
  setLocation,
} from '../../src/hive/ddl.ts';
import { PARTITIONS_PER_STATEMENT } from '../../src/hive/limits.ts';
import { hiveTables } from '../../src/hive/table-names.ts';
import type { StreamSchema } from '../../src/model/stream-schema.ts';
import { FIRST_HOUR_MS, HOUR_MS, schemaOf } from './archive-fixture.ts';

const SCHEMA = schemaOf('acme', 'clicks', ['path', 'n_amount', 'is_new']);

test('a table has the columns of its stream, all partitions of it and leaves the files alone', (t) => {
  const table = tableOf(SCHEMA);
  t.is(createDatabase(table), 'CREATE DATABASE IF NOT EXISTS `sg_acme`');
  t.is(
    createTable(table, 'hdfs://nn:8020/a/tenant=acme/stream=clicks'),
    `CREATE EXTERNAL TABLE IF NOT EXISTS \`sg_acme\`.\`clicks\` (
  \`id\` STRING,
  \`ts\` TIMESTAMP,
  \`type\` STRING,
  \`more\` MAP<STRING,STRING>,
  \`_arrival\` TIMESTAMP,
  \`_partition\` INT,
  \`_position\` BIGINT,
  \`_row\` INT,
  \`path\` STRING,
  \`n_amount\` DOUBLE,
  \`is_new\` BOOLEAN
)
COMMENT 'Events of stream clicks, tenant acme. Times are UTC.'
PARTITIONED BY (dt STRING COMMENT 'day of arrival, UTC', hour STRING COMMENT 'hour of arrival, 00 to 23')
STORED AS PARQUET
LOCATION 'hdfs://nn:8020/a/tenant=acme/stream=clicks'
TBLPROPERTIES ('external.table.purge' = 'false')`,
  );
});

test('a new table has its columns in the order of one that has grown', (t) => {
  const grown = schemaOf('acme', 'clicks', ['path', 'n_amount', 'is_new', 'browser'], 2);
  const before = hiveColumns(SCHEMA);
  const after = hiveColumns(grown);
  t.deepEqual(after.slice(0, before.length), before);
  t.is(
    addColumns(tableOf(grown), after.slice(before.length)),
    'ALTER TABLE `sg_acme`.`clicks` ADD COLUMNS (`browser` STRING)',
  );
});

test('an hour is a partition by its day and hour in UTC', (t) => {
  const table = tableOf(schemaOf('acme', 'clicks'));
  const hourMs = Date.parse('2026-12-31T23:00:00Z');
  const spec = "PARTITION (dt = '2026-12-31', hour = '23')";
  t.deepEqual(addPartitions(table, [{ hourMs, location: 'hdfs://nn/x' }]), [
    `ALTER TABLE \`sg_acme\`.\`clicks\` ADD IF NOT EXISTS\n  ${spec} LOCATION 'hdfs://nn/x'`,
  ]);
  t.is(
    setLocation(table, { hourMs, location: 'hdfs://nn/y' }),
    `ALTER TABLE \`sg_acme\`.\`clicks\` ${spec} SET LOCATION 'hdfs://nn/y'`,
  );
  t.regex(replaceColumns(table, hourMs), / PARTITION \(.*\) REPLACE COLUMNS \(`id` STRING, /);
  t.deepEqual(dropPartitions(table, [hourMs, hourMs + HOUR_MS]), [
    `ALTER TABLE \`sg_acme\`.\`clicks\` DROP IF EXISTS ${spec}, PARTITION (dt = '2027-01-01', hour = '00')`,
  ]);
});

test('statements have a bound, and no partition is in two of them', (t) => {
  const table = tableOf(SCHEMA);
  const hours = Array.from(
    { length: 2 * PARTITIONS_PER_STATEMENT + 1 },
    (_, hour) => FIRST_HOUR_MS + hour * HOUR_MS,
  );
  const added = addPartitions(
    table,
    hours.map((hourMs) => ({ hourMs, location: '/x' })),
  );
  for (const statements of [added, dropPartitions(table, hours)]) {
    const specs = statements.map((text) => text.match(/PARTITION \([^)]*\)/g) ?? []);
    t.deepEqual(
      specs.map(({ length }) => length),
      [PARTITIONS_PER_STATEMENT, PARTITIONS_PER_STATEMENT, 1],
    );
    t.is(new Set(specs.flat()).size, hours.length);
  }
  t.deepEqual(addPartitions(table, []), []);
});

test('no name or place breaks out of its quotes, and no variable is put in', (t) => {
  const evil = "a'\\`$" + '{env:HOME};\n\u2028--';
  const schema: StreamSchema = { tenant: evil, stream: evil, version: 1, columns: [] };
  const create = createTable(tableOf(schema), `hdfs://nn/${evil}`);
  t.false(/[^\x20-\x7e\n]/.test(create));
  t.false(create.includes('$'));
  t.false(create.includes(';'));
  const location = /LOCATION '([^']*)'/.exec(create)?.[1] ?? '';
  t.is(unescaped(location), `hdfs://nn/${evil}`);
  const comment = /COMMENT '([^']*)'/.exec(create)?.[1] ?? '';
  t.is(unescaped(comment), `Events of stream ${evil}, tenant ${evil}. Times are UTC.`);
  t.regex(create, /^CREATE EXTERNAL TABLE IF NOT EXISTS `sg_[a-z0-9_]+`\.`[a-z0-9_]+` \(\n/);
});

test('an hour is read back from what Hive calls its partition', (t) => {
  t.is(hourOfPartition('dt=2026-11-21/hour=08'), FIRST_HOUR_MS);
  for (const line of ['dt=2026-11-21', 'dt=2026-13-21/hour=08', 'dt=x/hour=08', 'day=1/hour=08']) {
    t.is(hourOfPartition(line), undefined, line);
  }
});

function tableOf(schema: StreamSchema) {
  const [table] = hiveTables([schema], 'sg_');
  if (table === undefined) throw new Error('one schema is one table');
  return table;
}

const unescaped = (literal: string): string =>
  literal.replaceAll(/\\u([0-9a-f]{4})/g, (_, code: string) =>
    String.fromCharCode(Number.parseInt(code, 16)),
  );
