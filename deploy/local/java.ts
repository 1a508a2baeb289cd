/** Java: which one, and the arguments that every program of ours gets. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { writeWhole } from './files.ts';
import { type Output, run } from './run.ts';

export interface JavaProgram {
  readonly main: string;
  readonly args?: readonly string[];
  /** Folders and jars, in their order. */
  readonly classpath: readonly string[];
  readonly heapMb: number;
  /** Packages of java.base that old libraries reach into, such as `java.lang`. */
  readonly opens?: readonly string[];
  readonly properties?: Readonly<Record<string, string>>;
  /** Only the fast compiler: a program starts in two thirds of the time and never gets to full speed. */
  readonly quickStart?: boolean;
}

export interface JavaRun extends JavaProgram {
  /** The working folder; scratch files and the class path are put there. */
  readonly folder: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
}

/** Before 17 Kafka does not run; 24 has taken away what Hadoop's security needs. 17 is what everything is tested with. */
const VERSION_MIN = 17;
const VERSION_BEFORE = 24;

const COMPILE_MS_MAX = 60_000;

/** The path of `java`, from JAVA_HOME if that is set. Throws what to install if there is none that is right. */
export function findJava(): string {
  return fromJavaHome('java', ['-version'], /version "(\d+)/);
}

/** Runs a program to its end. */
export async function runJava(program: JavaRun): Promise<Output> {
  const { folder, env, timeoutMs } = program;
  const args = javaArgs(program, folder);
  return await run(findJava(), args, { cwd: folder, env: { ...process.env, ...env }, timeoutMs });
}

/** Compiles one file. Returns the folder of its classes; throws what to install if there is only a JRE. */
export async function compileJava(
  source: string,
  classpath: readonly string[],
  folder: string,
): Promise<string> {
  const javac = fromJavaHome('javac', ['-version'], /javac (\d+)/);
  const classes = join(folder, 'classes');
  const args = ['-d', classes, ...classpathArgs(classpath, folder), source];
  await run(javac, args, { timeoutMs: COMPILE_MS_MAX });
  return classes;
}

export function javaArgs(program: JavaProgram, folder: string): string[] {
  const { main, args = [], classpath, heapMb, opens = [], properties = {}, quickStart } = program;
  return [
    `-Xmx${heapMb}m`,
    '-XX:+UseSerialGC',
    ...(quickStart === true ? ['-XX:TieredStopAtLevel=1'] : []),
    '-Djava.net.preferIPv4Stack=true',
    '-Duser.timezone=UTC',
    ...opens.map((name) => `--add-opens=java.base/${name}=ALL-UNNAMED`),
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    ...classpathArgs(classpath, folder),
    main,
    ...args,
  ];
}

/** By a file: 300 jars are too long for eyes that look at processes, and for some command lines. */
function classpathArgs(classpath: readonly string[], folder: string): string[] {
  const file = join(folder, 'classpath');
  writeWhole(file, `-cp "${classpath.join(':')}"\n`);
  return [`@${file}`];
}

function fromJavaHome(name: string, args: readonly string[], version: RegExp): string {
  const { JAVA_HOME } = process.env;
  const path = JAVA_HOME ? join(JAVA_HOME, 'bin', name) : name;
  const { stdout, stderr, error } = spawnSync(path, args, { encoding: 'utf8' });
  const found = Number(version.exec(`${stdout}${stderr}`)?.[1]);
  if (error === undefined && found >= VERSION_MIN && found < VERSION_BEFORE) return path;
  const received = error?.message ?? (found > 0 ? `version ${found}` : `${stdout}${stderr}`);
  throw new Error(
    `expected ${path} of version ${VERSION_MIN} to ${VERSION_BEFORE - 1}, received ${received}. ` +
      'Install the Debian package openjdk-17-jdk-headless (.ci/install-java does), or set JAVA_HOME.',
  );
}
