/** Jars from Maven Central, fetched once for all data folders. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder, HERE } from './paths.ts';
import { run } from './run.ts';

/** One for each file in `jars/`. */
export type JarSet = 'kafka' | 'hdfs' | 'hive' | 'mapreduce' | 'pig' | 'spark';

/** Hive's 300 jars take one minute from a near mirror. */
const FETCH_MS_MAX = 15 * 60_000;

/**
 * The class path of a set, in Maven's order. Fetches what is missing and says so on stderr; without a network it works
 * from what is there. Processes that ask at the same time wait for each other, for Maven's repository is not made for two.
 */
export async function jarsOf(set: JarSet): Promise<string[]> {
  const cache = cacheFolder();
  const pom = join(HERE, 'jars', `${set}.xml`);
  const hash = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12);
  const list = join(cache, `${set}-${hash}.classpath`);
  const known = readList(list);
  if (known !== undefined) return known;
  mkdirSync(cache, { recursive: true });
  process.stderr.write(`fetching the jars of ${set} into ${cache}\n`);
  const fresh = `${list}.${process.pid}`;
  const maven = [
    ...[
      'mvn',
      '--batch-mode',
      '--quiet',
      '--global-settings',
      join(HERE, 'jars/maven-settings.xml'),
    ],
    ...['--file', pom, `-Dmaven.repo.local=${join(cache, 'repository')}`],
    ...['dependency:build-classpath', `-Dmdep.outputFile=${fresh}`],
  ];
  try {
    await run('flock', ['--no-fork', join(cache, 'lock'), ...maven], { timeoutMs: FETCH_MS_MAX });
  } catch (error) {
    throw new Error(
      `Maven could not fetch the jars of ${set}. It needs a way to https://repo.maven.apache.org (or a mirror in ` +
        '~/.m2/settings.xml) and the Debian packages maven and openjdk-17-jdk-headless (.ci/install-java).',
      { cause: error },
    );
  }
  renameSync(fresh, list);
  const fetched = readList(list);
  if (fetched === undefined) throw new Error(`Maven left out files that it names in ${list}`);
  return fetched;
}

/** Undefined if the list or a file on it is gone. */
function readList(list: string): string[] | undefined {
  if (!existsSync(list)) return undefined;
  const paths = readFileSync(list, 'utf8').trim().split(':');
  return paths.every((path) => existsSync(path)) ? paths : undefined;
}
