/** The state of an import on a disk that takes no more. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { ImportState } from '../../../src/cli/bulk/import-state.ts';

const SETTINGS = { server: 'http://127.0.0.1', stream: 's', format: 'auto' };
const MODULE = new URL('../../../src/cli/bulk/import-state.ts', import.meta.url).href;

/** As many files more as make the state several KiB, in a process whose files end after 1 KiB at most. */
const GROW = `
  const { ImportState } = await import(${JSON.stringify(MODULE)});
  const state = ImportState.open(process.argv[1], ${JSON.stringify(SETTINGS)});
  for (let n = 0; n < 40; n++) state.add('/logs/' + n, { headBytes: 0, headHash: '' });
  try {
    state.save();
    console.log('saved');
  } catch (error) {
    console.log(error.code, error.message);
  }
`;

test('a state that can be written in part only leaves the one before as it was, and fails', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-import-state-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'state.json');
  ImportState.open(path, SETTINGS).save();
  const before = readFileSync(path, 'utf8');
  // The system writes up to the limit and says how much that was: what a disk does that is nearly full.
  const limited = ['-c', 'ulimit -f 1 && exec "$@"', 'sh', process.execPath];
  const node = ['--no-warnings', '--input-type=module', '-e', GROW, path];
  const { stdout } = await promisify(execFile)('sh', [...limited, ...node]);
  t.regex(stdout, /^config_invalid the state of the import cannot be written: EFBIG.*see --state/);
  t.is(readFileSync(path, 'utf8'), before);
  t.deepEqual(readdirSync(folder), ['state.json']);
});
