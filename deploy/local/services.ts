/** The command line: `npm run services -- start`. Real services for development, in the background until `stop`. */
import { existsSync, rmSync } from 'node:fs';
import { Command, InvalidArgumentError, Option } from 'commander';
import { HDFS_PORTS, openHdfs } from './hdfs.ts';
import { HIVE_PORTS, openHive } from './hive.ts';
import { openKafka } from './kafka.ts';
import type { Part } from './part.ts';
import { folderOf, type Service } from './service.ts';

const NAMES = ['hdfs', 'hive', 'kafka'] as const;
type Name = (typeof NAMES)[number];

interface Options {
  readonly dir: string;
  readonly portsFrom?: number;
}

const PORTS_FROM = 29_000;
const PORT_MAX = 65_535;
/** Each service's first port, counted from `--ports-from`. */
const FIRST_PORT: Record<Name, number> = {
  hdfs: 0,
  hive: HDFS_PORTS,
  kafka: HDFS_PORTS + HIVE_PORTS,
};

const program = new Command('npm run services --')
  .description('HDFS, Hive and Kafka on 127.0.0.1. See deploy/local/README.md.')
  .addOption(new Option('--dir <folder>', 'settings, data and logs').default('.services'));

program
  .command('start')
  .description('start what does not run, and wait until it is ready; without names everything')
  .argument('[services...]', NAMES.join(', '), collectNames, [])
  .option('--ports-from <port>', `first of the ports (default: ${PORTS_FROM}, or as before)`, port)
  .action(async (names: Name[], _, command: Command) => {
    const options = command.optsWithGlobals<Options>();
    const wanted = new Set(names.length === 0 ? NAMES : names);
    // Hive keeps its tables in HDFS.
    if (wanted.has('hive')) wanted.add('hdfs');
    const storage = async () => {
      if (wanted.has('hdfs')) await start('hdfs', options);
      if (wanted.has('hive')) await start('hive', options);
    };
    const log = async () => {
      if (wanted.has('kafka')) await start('kafka', options);
    };
    const results = await Promise.allSettled([storage(), log()]);
    const failed = results.filter((result) => result.status === 'rejected');
    for (const { reason } of failed) complain(reason);
  });

program
  .command('stop')
  .description('stop them in good order; the data stays')
  .argument('[services...]', NAMES.join(', '), collectNames, [])
  .action(async (names: Name[], _, command: Command) => {
    const wanted = names.length === 0 ? NAMES : names;
    const made = await openMade(command.optsWithGlobals<Options>());
    for (const [name, service] of made.toReversed()) {
      if (!wanted.includes(name)) continue;
      await service.stop();
      console.log(`${name} is stopped`);
    }
  });

program
  .command('kill')
  .description('kill -9: services, or parts such as datanode. `start` brings them back')
  .argument('<names...>', 'services or parts, as `status` shows them')
  .action(async (names: string[], _, command: Command) => {
    const made = await openMade(command.optsWithGlobals<Options>());
    const named = (name: string): readonly Part[] =>
      made.flatMap(([service, { parts }]) =>
        service === name ? parts : parts.filter((part) => part.name === name),
      );
    for (const name of names) {
      const parts = named(name);
      if (parts.length === 0) program.error(`nothing here is called ${name}`);
      for (const part of parts) await part.kill();
      console.log(`${name} is killed`);
    }
  });

program
  .command('status')
  .description('what runs, with its memory; exit code 1 if something does not')
  .action(async (_, command: Command) => {
    const made = await openMade(command.optsWithGlobals<Options>());
    if (made.length === 0) console.log('nothing was started here');
    for (const [name, { address, parts }] of made) {
      console.log(`${name}  ${address}`);
      for (const part of parts) {
        const { pid } = part;
        const state = (await part.isReady()) ? 'ready' : pid === undefined ? 'down' : 'not ready';
        const about = pid === undefined ? '' : `  pid ${pid}  ${part.residentMb} MB`;
        console.log(`  ${part.name.padEnd(9)} ${state}${about}  ${part.logFile}`);
        if (state !== 'ready') process.exitCode = 1;
      }
    }
  });

program
  .command('clean')
  .description('stop everything and delete its data; fetched jars stay')
  .action(async (_, command: Command) => {
    const options = command.optsWithGlobals<Options>();
    for (const [, service] of (await openMade(options)).toReversed()) await service.stop();
    for (const name of NAMES) {
      rmSync(folderOf(options.dir, name), { recursive: true, force: true });
    }
    console.log(`${options.dir} is clean`);
  });

try {
  await program.parseAsync();
} catch (error) {
  complain(error);
}

async function start(name: Name, options: Options): Promise<void> {
  const startedAt = performance.now();
  const service = await open(name, options);
  await service.start();
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
  console.log(`${name} is ready after ${seconds} s: ${service.address}`);
}

async function open(name: Name, { dir, portsFrom }: Options): Promise<Service> {
  const isMade = existsSync(folderOf(dir, name));
  const base = portsFrom ?? (isMade ? undefined : PORTS_FROM);
  const options = {
    dir,
    portsFrom: base === undefined ? undefined : base + FIRST_PORT[name],
    outlivesUs: true,
  };
  switch (name) {
    case 'hdfs':
      return await openHdfs(options);
    case 'hive':
      return await openHive({ ...options, hdfs: await openHdfs({ dir, outlivesUs: true }) });
    case 'kafka':
      return await openKafka(options);
  }
}

/** The services that were started in a folder at some time. */
async function openMade({ dir }: Options): Promise<[Name, Service][]> {
  const made = NAMES.filter((name) => existsSync(folderOf(dir, name)));
  return await Promise.all(
    made.map(async (name): Promise<[Name, Service]> => [name, await open(name, { dir })]),
  );
}

function collectNames(value: string, previous: readonly Name[]): readonly Name[] {
  const name = NAMES.find((known) => known === value);
  if (name === undefined) throw new InvalidArgumentError(`expected ${NAMES.join(', ')}`);
  return [...previous, name];
}

function port(value: string): number {
  const parsed = Number(value);
  if (Number.isInteger(parsed) && parsed > 0 && parsed + FIRST_PORT.kafka < PORT_MAX) return parsed;
  throw new InvalidArgumentError('expected a port');
}

function complain(error: unknown): void {
  for (let at = error; at instanceof Error; at = at.cause) console.error(at.message);
  process.exitCode = 1;
}
