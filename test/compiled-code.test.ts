import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';

const SCRIPT = fileURLToPath(new URL('./compiled-code-process.ts', import.meta.url));

/** Part of the bytecode that is left of functions that have not run for many collections of the heap. */
async function leftOf(...args: readonly string[]): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, ...args]);
  return Number(stdout);
}

test('functions that have not run for long are not compiled anew when they do', async (t) => {
  t.true((await leftOf('keep')) > 0.5);
});

test('as V8 is, they would be', async (t) => {
  t.true((await leftOf()) < 0.5);
});
