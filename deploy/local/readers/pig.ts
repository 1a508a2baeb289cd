/** Apache Pig, with the Parquet project's loader: `LOAD '…' USING org.apache.parquet.pig.ParquetLoader()`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type ReaderOptions, runReader } from './reader.ts';

export interface PigOptions extends ReaderOptions {
  /** Pig Latin. Paths begin with `hdfs://`: without it they are local ones, as Pig runs locally. */
  readonly script: string;
}

/** What the script's DUMP statements print, a tuple a line, such as `(click,12)`. */
export async function runPig(options: PigOptions): Promise<string[]> {
  const script = resolve(options.folder, 'script.pig');
  mkdirSync(options.folder, { recursive: true });
  writeFileSync(script, options.script);
  const printed = await runReader(options, 'pig', {
    main: 'org.apache.pig.Main',
    args: ['-x', 'local', '-l', join(options.folder, 'pig.log'), '-f', script],
    opens: [
      ...['java.lang', 'java.lang.reflect', 'java.net', 'java.util', 'java.util.regex'],
      ...['java.nio', 'java.io', 'sun.nio.ch'],
    ],
  });
  return printed.split('\n').filter((line) => line.startsWith('('));
}
