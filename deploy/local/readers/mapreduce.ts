/** Hadoop MapReduce, which reads Parquet with the Parquet project's own code. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ReaderOptions, runReader } from './reader.ts';

export interface MapReduceOptions extends ReaderOptions {
  /** A file or folder in HDFS; folders below it are read too. */
  readonly input: string;
  readonly column: string;
}

/** The rows for each value of the column; the value `null` stands for what is null. */
export async function runMapReduce(options: MapReduceOptions): Promise<Map<string, number>> {
  const output = resolve(options.folder, 'counts');
  await runReader(options, 'mapreduce', {
    main: 'CountByColumn',
    source: 'CountByColumn.java',
    args: [options.input, `file://${output}`, options.column],
    opens: ['java.lang', 'java.util', 'sun.nio.ch'],
  });
  const lines = readFileSync(join(output, 'part-r-00000'), 'utf8').split('\n');
  const pairs = lines.filter((line) => line !== '').map((line) => line.split('\t'));
  return new Map(pairs.map(([value = '', count]) => [value, Number(count)]));
}
