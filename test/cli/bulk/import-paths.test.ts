/** Which files a path stands for. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { filesAt } from '../../../src/cli/bulk/import-paths.ts';

function folderOf(t: ExecutionContext): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'streamgauge-import-paths-')));
  t.teardown(() => rmSync(folder, { recursive: true }));
  for (const name of ['logs', 'pods']) mkdirSync(join(folder, name));
  return folder;
}

test('a folder is its files and what its links lead to, once each', (t) => {
  const folder = folderOf(t);
  const pod = join(folder, 'pods', '0.log');
  writeFileSync(pod, '');
  writeFileSync(join(folder, 'logs', 'b.log'), '');
  symlinkSync('../pods/0.log', join(folder, 'logs', 'container.log'));
  symlinkSync('../pods', join(folder, 'logs', 'all'));
  symlinkSync('..', join(folder, 'logs', 'back'));
  symlinkSync('nowhere', join(folder, 'logs', 'gone.log'));
  const found = filesAt([join(folder, 'logs'), pod], join(folder, 'state.json'));
  const named = found.map(({ path, isNamed }) => [relative(folder, path), isNamed]);
  t.deepEqual(named, [
    ['logs/b.log', false],
    ['pods/0.log', true],
  ]);
});

test('what is called as an excluded pattern is left out, wherever it is', (t) => {
  const folder = folderOf(t);
  const logs = join(folder, 'logs');
  const names = ['access.log', 'error.log', 'error.log.1', 'error_log', 'x+y'];
  for (const name of names) writeFileSync(join(logs, name), '');
  const left = (...patterns: string[]) =>
    filesAt([logs, join(logs, 'x+y')], join(folder, 'state.json'), patterns).map(({ path }) =>
      relative(logs, path),
    );
  t.deepEqual(left(), names);
  t.deepEqual(left('error.log*', 'x+y'), ['access.log', 'error_log']);
  t.deepEqual(left('error?log', '*.1'), ['access.log', 'x+y']);
});

test('a folder with a link to itself is refused in plain words', (t) => {
  const folder = folderOf(t);
  symlinkSync('self', join(folder, 'logs', 'self'));
  const found = (...patterns: string[]) =>
    filesAt([join(folder, 'logs')], join(folder, 'state.json'), patterns);
  t.throws(found, { code: 'config_invalid', message: /expected files and folders: ELOOP/ });
  t.deepEqual(found('self'), []);
});

test('a pipe is refused at once', (t) => {
  const folder = folderOf(t);
  const pipe = join(folder, 'pipe');
  execFileSync('mkfifo', [pipe]);
  t.throws(() => filesAt([pipe], join(folder, 'state.json')), {
    message: /received a pipe or a device: .*streamgauge send takes/,
  });
});
