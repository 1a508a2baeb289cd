import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { parse } from 'yaml';
import type { StartServer } from '../src/cli/start.ts';
import type { Terminal } from '../src/cli/terminal.ts';
import { runCli } from '../src/cli.ts';
import { loadConfig } from '../src/config.ts';
import { hashSecret, isSecret } from '../src/model/access.ts';
import { AppError } from '../src/model/errors.ts';

const LAUNCHER = fileURLToPath(new URL('../bin/streamgauge.js', import.meta.url));

test('config check prints what is in force and exits with 0', async (t) => {
  const file = configFile(t, 'partitions: 9');
  const { exitCode, out, err } = await run(['config', 'check', '--config', file]);
  t.is(exitCode, 0);
  t.is(err, '');
  t.is(parse(out).partitions, 9);
});

test('config check prints every error on standard error and exits with 3', async (t) => {
  const file = configFile(t, 'partitions: none\nedgeThreads: none');
  const { exitCode, out, err } = await run(['config', 'check', '-c', file, '--ingest-port', 'x']);
  t.is(exitCode, 3);
  t.is(out, '');
  t.regex(err, /^streamgauge: the configuration is not usable \(3 errors\)\n/);
  t.regex(err, /--ingest-port: listen\.ingestPort: expected an integer/);
});

test('config check --json answers programs in both cases', async (t) => {
  const good = await run(['config', 'check', '--json', '-c', configFile(t, 'partitions: 9')]);
  t.like(JSON.parse(good.out), { ok: true, config: { partitions: 9 } });
  const bad = await run(['config', 'check', '--json', '-c', configFile(t, 'partitions: -9')]);
  t.like(JSON.parse(bad.out), { ok: false, problems: [{ key: 'partitions', received: '-9' }] });
});

test('a created key fits the configuration lines that are printed with it', async (t) => {
  const { exitCode, out } = await run(['keys', 'create', '--tenant', 'acme', '--scope', 'read']);
  t.is(exitCode, 0);
  const secret = /^key: (\S+)$/m.exec(out)?.[1] ?? '';
  t.true(isSecret(secret));
  const lines = out.slice(out.indexOf('keys:'));
  t.false(lines.includes(secret));
  const loaded = loadConfig({ file: configFile(t, lines), env: {} });
  t.true(loaded.ok);
  t.like(loaded.ok && loaded.value.config.keys[0], {
    tenant: 'acme',
    scopes: ['read'],
    hash: hashSecret(secret),
  });
});

test('a public key may only write, said or not', async (t) => {
  const create = ['keys', 'create', '--tenant', 'acme', '--public'];
  for (const scope of [[], ['--scope', 'write']]) {
    const { out } = await run([...create, ...scope]);
    const loaded = loadConfig({ file: configFile(t, out.slice(out.indexOf('keys:'))), env: {} });
    const [key] = loaded.ok ? loaded.value.config.keys : [];
    t.deepEqual(key?.scopes, ['write']);
    t.true(isSecret(key?.publicSecret ?? ''));
  }
  t.is((await run([...create, '--scope', 'write', 'read'])).exitCode, 2);
});

test('keys hash reads the key from standard input and refuses what is none', async (t) => {
  const secret = `sg_${'x'.repeat(43)}`;
  const { exitCode, out } = await run(['keys', 'hash'], { line: `${secret}\n` });
  t.is(exitCode, 0);
  t.is(out, `sha256:${hashSecret(secret)}\n`);
  const refused = await run(['keys', 'hash'], { line: 'password' });
  t.is(refused.exitCode, 2);
  t.false(refused.err.includes('password'));
});

const WRONG_USAGE = [
  ['strat'],
  ['start', '--por', '1'],
  ['start', 'now'],
  ['keys', 'create', '--scope', 'write'],
  ['keys', 'create', '--tenant', 'a/b', '--scope', 'write'],
  ['keys', 'create', '--tenant', 'a', '--scope', 'delete'],
  ['config'],
  [],
];
for (const args of WRONG_USAGE) {
  test(`wrong usage exits with 2: streamgauge ${args.join(' ')}`, async (t) => {
    const { exitCode, err } = await run(args);
    t.is(exitCode, 2);
    t.not(err, '');
  });
}

for (const args of [['--help'], ['start', '--help'], ['keys', 'create', '--help'], ['--version']]) {
  test(`streamgauge ${args.join(' ')} prints on standard output and exits with 0`, async (t) => {
    const { exitCode, out, err } = await run(args);
    t.is(exitCode, 0);
    t.not(out, '');
    t.is(err, '');
  });
}

test('the exit codes are in --help', async (t) => {
  const { out } = await run(['--help']);
  for (const code of [0, 1, 2, 3]) t.regex(out, new RegExp(`^  ${code}  `, 'm'));
});

test('start passes its flags on, stops in order at the first signal and exits with 0', async (t) => {
  const steps: string[] = [];
  const stop = Promise.withResolvers<() => void>();
  const running = run(['start', '-c', configFile(t, ''), '--ingest-port', '0'], {
    onStopSignal: stop.resolve,
    startServer: async ({ listen }) => {
      steps.push(`started on ${listen.ingestPort}`);
      return server(async () => void steps.push('closed'));
    },
  });
  const signal = await stop.promise;
  signal();
  t.is((await running).exitCode, 0);
  t.deepEqual(steps, ['started on 0', 'closed']);
});

test('a server that fails is closed in order, its fault is told and the exit code is 1', async (t) => {
  const steps: string[] = [];
  const fault = new AppError('thread_failed', 'a partition thread ended by itself');
  const { exitCode, err } = await run(['start', '-c', configFile(t, '')], {
    startServer: async () => server(async () => void steps.push('closed'), Promise.resolve(fault)),
  });
  t.is(exitCode, 1);
  t.regex(err, /a partition thread ended by itself/);
  t.deepEqual(steps, ['closed']);
});

test('a server whose state store has stopped is closed in order and started anew, until it is stopped', async (t) => {
  const steps: string[] = [];
  const stop = Promise.withResolvers<() => void>();
  const again = Promise.withResolvers<void>();
  const fault = new AppError('state_stopped', 'the state store has stopped taking writes');
  const failed = [Promise.resolve(fault), Promise.resolve(fault)];
  const running = run(['start', '-c', configFile(t, '')], {
    onStopSignal: stop.resolve,
    startServer: async () => {
      steps.push('started');
      const fails = failed.shift();
      if (fails === undefined) again.resolve();
      return server(async () => void steps.push('closed'), fails);
    },
  });
  const signal = await stop.promise;
  await again.promise;
  signal();
  const { exitCode, err } = await running;
  t.is(exitCode, 0);
  t.is(err.match(/the state store has stopped/g)?.length, 2);
  t.deepEqual(steps, ['started', 'closed', 'started', 'closed', 'started', 'closed']);
});

test('a state store that cannot be opened anew ends the process with its fault', async (t) => {
  const fault = new AppError('state_stopped', 'the state store has stopped taking writes');
  const lives = [async () => server(async () => {}, Promise.resolve(fault))];
  const { exitCode, err } = await run(['start', '-c', configFile(t, '')], {
    startServer: async () => {
      const start = lives.shift();
      if (start !== undefined) return start();
      throw new AppError('state_io', 'opening the state failed: no space');
    },
  });
  t.is(exitCode, 1);
  t.regex(err, /opening the state failed: no space \(state_io\)/);
});

test('a second signal ends the process while the server still closes', async (t) => {
  const stop = Promise.withResolvers<() => void>();
  const closing = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const running = run(['start', '-c', configFile(t, '')], {
    onStopSignal: stop.resolve,
    startServer: async () =>
      server(() => {
        closing.resolve();
        return release.promise;
      }),
  });
  const signal = await stop.promise;
  signal();
  await closing.promise;
  signal();
  release.resolve();
  t.deepEqual((await running).aborted, [1]);
});

test('start with an unusable configuration starts nothing and exits with 3', async (t) => {
  const { exitCode } = await run(['start', '-c', configFile(t, 'partitions: 0')], {
    startServer: async () => t.fail(),
  });
  t.is(exitCode, 3);
});

test('a fault at start is one line with its code; --verbose adds the stack', async (t) => {
  const startServer: StartServer = async () => {
    throw new AppError('state_version', 'the folder was made by a newer release');
  };
  const args = ['start', '-c', configFile(t, '')];
  const short = await run(args, { startServer });
  t.is(short.exitCode, 1);
  t.is(short.err, 'streamgauge: the folder was made by a newer release (state_version)\n');
  const long = await run([...args, '--verbose'], { startServer });
  t.regex(long.err, /\n +at /);
});

test('a configuration that only the data folder contradicts exits with 3 as well', async (t) => {
  const { exitCode } = await run(['start', '-c', configFile(t, '')], {
    startServer: async () => {
      throw new AppError('config_invalid', 'partitions: the data folder was made with 4');
    },
  });
  t.is(exitCode, 3);
});

test('the launcher runs the command line', (t) => {
  const { status, stdout } = spawnSync(process.execPath, [LAUNCHER, '--version']);
  t.is(status, 0);
  t.regex(String(stdout), /^\d+\.\d+\.\d+\n$/);
});

test('what cannot be written to standard output is a fault', (t) => {
  const full = openSync('/dev/full', 'w');
  t.teardown(() => closeSync(full));
  const { status, stderr } = spawnSync(process.execPath, [LAUNCHER, '--version'], {
    stdio: ['ignore', full, 'pipe'],
  });
  t.is(status, 1);
  t.regex(`${stderr}`, /ENOSPC/);
});

for (const version of ['20.20.2', '22.19.0', '24.0.0']) {
  test(`the launcher refuses Node.js ${version} in plain words`, (t) => {
    const pretend = `Object.defineProperty(process.versions, 'node', { value: '${version}' });`;
    const preload = `data:text/javascript,${encodeURIComponent(pretend)}`;
    const { status, stderr } = spawnSync(process.execPath, [
      '--import',
      preload,
      LAUNCHER,
      'start',
    ]);
    t.is(status, 1);
    t.regex(String(stderr), /^streamgauge: needs Node\.js 22\.20 or a later 22/);
  });
}

interface Surroundings {
  readonly line?: string;
  readonly onStopSignal?: (signal: () => void) => void;
  readonly startServer?: (
    ...args: Parameters<StartServer>
  ) => ReturnType<StartServer> | Promise<never>;
}

async function run(args: readonly string[], surroundings: Surroundings = {}) {
  const output = { out: '', err: '', aborted: [] as number[] };
  const terminal: Terminal = {
    out: (text) => {
      output.out += text;
    },
    err: (text) => {
      output.err += text;
    },
    isInteractive: false,
    readLine: async () => surroundings.line ?? '',
    onStopSignal: (handler) => {
      surroundings.onStopSignal?.(handler);
      return () => {};
    },
    abort: (exitCode) => void output.aborted.push(exitCode),
  };
  const startServer = surroundings.startServer ?? (async () => server(async () => {}));
  const exitCode = await runCli(args, terminal, startServer);
  return { exitCode, ...output };
}

const server = (close: () => Promise<void>, failed = new Promise<AppError>(() => {})) => ({
  failed,
  ingestUrl: 'http://127.0.0.1:1',
  queryUrl: 'http://127.0.0.1:2',
  close,
});

function configFile(t: ExecutionContext, text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'streamgauge.yaml'), text);
  return join(folder, 'streamgauge.yaml');
}
