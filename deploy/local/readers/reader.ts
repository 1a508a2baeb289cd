/** What readers of other projects have in common: each runs in one process and reads from HDFS what is named to it. */
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { writeSettings } from '../files.ts';
import { HDFS_USER } from '../hdfs.ts';
import { type JarSet, jarsOf } from '../jars.ts';
import { compileJava, type JavaProgram, runJava } from '../java.ts';
import { HERE } from '../paths.ts';

export interface ReaderOptions {
  readonly hdfs: { readonly rpcUrl: string };
  /** Scratch files; a folder of its own for each run. */
  readonly folder: string;
}

/** A reader takes a few seconds; the rest is for a machine that does much else, and for a first fetch of jars. */
const READ_MS_MAX = 180_000;
const HEAP_MB = 512;

export type ReaderProgram = Pick<JavaProgram, 'main' | 'args' | 'opens' | 'properties'> & {
  /** A Java file beside this one that has the main class. */
  readonly source?: string;
};

/** Runs it to its end with Hadoop's settings on the class path, and returns what it printed. */
export async function runReader(
  { hdfs, folder }: ReaderOptions,
  set: JarSet,
  { source, ...program }: ReaderProgram,
): Promise<string> {
  const root = resolve(folder);
  const [conf, tmp] = [join(root, 'conf'), join(root, 'tmp')];
  mkdirSync(tmp, { recursive: true });
  const templates = ['core-site.xml', 'mapred-site.xml', 'log4j.properties', 'log4j2.properties'];
  writeSettings('readers', templates, conf, { fs: hdfs.rpcUrl, tmp });
  const jars = await jarsOf(set);
  const compiled =
    source === undefined ? [] : [await compileJava(join(HERE, 'readers', source), jars, root)];
  const { stdout } = await runJava({
    ...program,
    classpath: [conf, ...compiled, ...jars],
    heapMb: HEAP_MB,
    quickStart: true,
    properties: { 'java.io.tmpdir': tmp, ...program.properties },
    folder: root,
    env: { HADOOP_USER_NAME: HDFS_USER },
    timeoutMs: READ_MS_MAX,
  });
  return stdout;
}
