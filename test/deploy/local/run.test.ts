import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { run } from '../../../deploy/local/run.ts';

const RUN = fileURLToPath(new URL('../../../deploy/local/run.ts', import.meta.url));
const LIMIT = { timeoutMs: 60_000 };

test('a program that ends well gives what it printed', async (t) => {
  const { stdout, stderr } = await run('sh', ['-c', 'echo out; echo err >&2'], LIMIT);
  t.deepEqual([stdout, stderr], ['out\n', 'err\n']);
});

test('a program that ends badly is told with its last words', async (t) => {
  const failed = run('sh', ['-c', 'seq 100 >&2; exit 3'], LIMIT);
  const { message } = await t.throwsAsync(failed);
  t.regex(message, /sh ended with 3\n76\n/);
  t.regex(message, /\n100$/);
});

test('a program that takes too long is killed', async (t) => {
  const late = run('sleep', ['1000'], { timeoutMs: 1 });
  await t.throwsAsync(late, { message: /sleep was killed/ });
});

test('what a killed process has started is killed with it', async (t) => {
  const parent = spawn(
    process.execPath,
    [
      '--input-type=module',
      '--eval',
      `import { run } from ${JSON.stringify(RUN)};
       import { readFileSync } from 'node:fs';
       const ended = run('sleep', ['1000'], { timeoutMs: 1e6 });
       const children = '/proc/self/task/' + process.pid + '/children';
       const [child] = readFileSync(children, 'utf8').split(' ');
       while (!readFileSync('/proc/' + child + '/cmdline', 'utf8').startsWith('sleep'));
       console.log(child);
       await ended;`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  t.teardown(() => parent.kill('SIGKILL'));
  const [printed] = await once(parent.stdout, 'data');
  const child = `/proc/${Number(String(printed))}`;
  t.true(existsSync(child));
  parent.kill('SIGKILL');
  await once(parent, 'exit');
  while (existsSync(child)) await sleep(1);
  t.pass();
});
