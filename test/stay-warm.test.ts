import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const SCRIPT = fileURLToPath(new URL('./stay-warm-process.ts', import.meta.url));
const RESTING = fileURLToPath(new URL('./resting-heap-process.ts', import.meta.url));

async function outputOf(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return stdout;
}

/** Part of the bytecode that is left of functions that have not run for many collections of the heap. */
const leftOf = async (...args: readonly string[]): Promise<number> =>
  Number(await outputOf(SCRIPT, ...args));

test('functions that have not run for long are not compiled anew when they do', async (t) => {
  t.true((await leftOf('keep')) > 0.5);
});

test('as V8 is, they would be', async (t) => {
  t.true((await leftOf()) < 0.5);
});

test('a heap that rests for half a minute is left alone', async (t) => {
  t.is(await outputOf(RESTING, '30000', 'keep'), 'left alone');
});

test('as V8 is, it would be collected', async (t) => {
  t.is(await outputOf(RESTING, '300000'), 'collected');
});
