/** What `streamgauge backup` says where nothing can come of it; what comes of it otherwise is in test/backup.test.ts. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { freePort } from '../free-port.ts';
import { runHeard } from './heard-terminal.ts';

async function scratch(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

const backUp = (...args: string[]) => runHeard('backup', ...args);

test('without a server nothing is copied, and it is said where one was looked for', async (t) => {
  const to = join(await scratch(t), 'backup');
  const port = await freePort();
  const { exitCode, err } = await backUp('--to', to, '--query-port', String(port));
  t.is(exitCode, 1);
  t.true(err.includes(`no server answers at http://127.0.0.1:${port}`));
  t.deepEqual(await readdir(to), ['backup.unfinished']);
});

test('a folder that is none, one that is in use, a key that is not there and an address that is none are told', async (t) => {
  const folder = await scratch(t);
  const file = join(folder, 'file');
  await writeFile(file, '');
  const told = [
    [1, /cannot make the folder: .*file already exists/, '--to', file],
    [1, /expected an empty folder, there is "file" in it/, '--to', folder],
    [3, /--key-file: expected a file with a key in it/, '--to', file, '--key-file', '/nowhere'],
    [3, /--url: expected an address such as/, '--to', file, '--url', 'here'],
    [2, /--to/],
  ] as const;
  for (const [code, pattern, ...args] of told) {
    const { exitCode, err } = await backUp(...args);
    t.is(exitCode, code, err);
    t.regex(err, pattern);
  }
});
