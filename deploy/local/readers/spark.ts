/** Apache Spark SQL. Names of files are tables: `` SELECT * FROM parquet.`/events` ``. */
import { join } from 'node:path';
import { type ReaderOptions, runReader } from './reader.ts';

export interface SparkOptions extends ReaderOptions {
  /** At least one. They share a session, so a view of one is there for the next. */
  readonly statements: readonly string[];
}

/** As Spark's own launcher opens them on Java 17. */
const OPENS = [
  ...['java.lang', 'java.lang.invoke', 'java.lang.reflect', 'java.io', 'java.net', 'java.nio'],
  ...['java.util', 'java.util.concurrent', 'java.util.concurrent.atomic', 'jdk.internal.ref'],
  ...['sun.nio.ch', 'sun.nio.cs', 'sun.security.action', 'sun.util.calendar'],
];

/** The rows of the last statement. Columns that are null are left out of a row, as Spark's JSON does. */
export async function runSpark(options: SparkOptions): Promise<Record<string, unknown>[]> {
  const printed = await runReader(options, 'spark', {
    main: 'SparkSql',
    source: 'SparkSql.java',
    args: options.statements,
    opens: OPENS,
    properties: {
      'spark.master': 'local[2]',
      'spark.ui.enabled': 'false',
      'spark.driver.host': '127.0.0.1',
      'spark.driver.bindAddress': '127.0.0.1',
      'spark.sql.shuffle.partitions': '2',
      'spark.sql.session.timeZone': 'UTC',
      'spark.sql.warehouse.dir': join(options.folder, 'warehouse'),
      'spark.local.dir': join(options.folder, 'tmp'),
    },
  });
  const lines = printed.split('\n').filter((line) => line.startsWith('{'));
  return lines.map((line): Record<string, unknown> => JSON.parse(line));
}
