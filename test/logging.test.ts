import { spawnSync } from 'node:child_process';
import test from 'ava';
import { prettyLine } from '../src/logging.ts';

const LOGGING = new URL('../src/logging.ts', import.meta.url).href;

test('a line is JSON with time, level, thread, fields and message', (t) => {
  const [line] = logged(
    `logger.child({ actor: 'partition/7' }).warn({ rows: 3 }, 'a block was late')`,
  );
  t.like(line, {
    level: 'warn',
    thread: 'edge/0',
    actor: 'partition/7',
    rows: 3,
    msg: 'a block was late',
  });
  t.regex(String(line?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
});

test('an error keeps code, location and cause', (t) => {
  const [line] = logged(`
    const { AppError } = await import('${new URL('../src/model/errors.ts', import.meta.url).href}');
    const error = new AppError('log_io', 'no sync', { path: 'a.log', byteOffset: 8 }, new Error('EIO'));
    logger.error({ err: error }, 'the journal stopped')`);
  t.like(line?.['err'], {
    code: 'log_io',
    retryable: true,
    location: { path: 'a.log', byteOffset: 8 },
  });
  t.regex(JSON.stringify(line?.['err']), /EIO/);
});

test('lines below the level are not written', (t) => {
  t.is(logged(`logger.debug({}, 'x')`).length, 0);
});

test('a worker thread logs by itself and loses nothing at its end', (t) => {
  const lines = logged(`
    const { Worker } = await import('node:worker_threads');
    const code = \`import('${LOGGING}').then(({ createLogger }) => {
      const logger = createLogger({ level: 'info', format: 'json', thread: 'partitions/1' });
      logger.info({}, 'from the worker');
      logger.flush();
    })\`;
    await new Promise((done) => new Worker(code, { eval: true }).on('exit', done));`);
  t.like(lines[0], { thread: 'partitions/1', msg: 'from the worker' });
});

test('a pretty line has time of day, level, thread, message, fields and the stack', (t) => {
  const line = {
    time: '2026-05-01T12:04:31.120Z',
    level: 'error',
    thread: 'edge/0',
    port: 8080,
    msg: 'cannot listen',
    err: { stack: 'Error: taken\n    at x' },
  };
  const shown =
    '12:04:31.120 error edge/0       cannot listen port=8080\n  Error: taken\n    at x\n';
  t.is(prettyLine(JSON.stringify(line), false), shown);
  t.true(prettyLine(JSON.stringify(line), true).includes('\u001b['));
});

/** Runs the code with a `logger` in a process of its own, whose standard output is then the log. */
function logged(code: string): Record<string, unknown>[] {
  const script = `
    import { createLogger } from '${LOGGING}';
    const logger = createLogger({ level: 'info', format: 'auto', thread: 'edge/0' });
    ${code}`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script]);
  return String(stdout)
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}
