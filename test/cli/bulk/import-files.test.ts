/** Which file of an import a file is that is looked at again. */
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { known, seen } from '../../../src/cli/bulk/import-files.ts';
import { filesAt } from '../../../src/cli/bulk/import-paths.ts';
import { ImportState } from '../../../src/cli/bulk/import-state.ts';

const SETTINGS = { server: 'http://127.0.0.1', stream: 's', format: 'auto' };
const LONG_AGO = new Date('2026-01-02T03:04:05.678Z');

/** A folder of files, and an import of them that was done with what it took. */
function importOf(t: ExecutionContext) {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-import-files-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const logs = join(folder, 'logs');
  mkdirSync(logs);
  const statePath = join(folder, 'state.json');
  const state = ImportState.open(statePath, SETTINGS);
  return {
    path: (name: string) => join(logs, name),
    write(name: string, text: string | Buffer, modified = LONG_AGO) {
      writeFileSync(join(logs, name), text);
      utimesSync(join(logs, name), modified, modified);
    },
    /** Of these the numbers under which the import has them. */
    async numbers(...names: readonly string[]): Promise<number[]> {
      const paths = names.map((name) => join(logs, name));
      const files = await known(await seen(filesAt(paths, statePath)), state);
      for (const { progress, bytes, modifiedMs } of files) progress.end = { bytes, modifiedMs };
      return files.map(({ progress }) => progress.number);
    },
  };
}

const line = (n: number): string => `{"type":"x","n":${n}}\n`;

test('a file that begins as another one is that one only if it has gone', async (t) => {
  const { write, numbers, path } = importOf(t);
  const header = `${Array.from({ length: 500 }, (_, n) => `column_${n}`).join(',')}\n`;
  t.true(header.length > 4_096);
  write('jan.csv', `${header}1\n`);
  write('feb.csv', `${header}2\n3\n`);
  t.deepEqual(await numbers('jan.csv'), [0]);
  t.deepEqual(await numbers('feb.csv'), [1], 'January is there');
  renameSync(path('jan.csv'), path('old-jan.csv'));
  t.deepEqual(await numbers('old-jan.csv', 'feb.csv'), [0, 1]);
});

test('a short file is known after it was renamed, grew and was renamed, or was packed', async (t) => {
  const { write, numbers, path } = importOf(t);
  write('a.log', line(1));
  t.deepEqual(await numbers('a.log'), [0]);
  renameSync(path('a.log'), path('a.log.1'));
  write('a.log', line(2));
  t.deepEqual(await numbers('a.log', 'a.log.1'), [1, 0]);
  write('a.log', `${line(2)}${line(3)}`, new Date());
  renameSync(path('a.log'), path('a.log.2'));
  t.deepEqual(await numbers('a.log.2'), [1]);
  const { mtime } = statSync(path('a.log.1'));
  write('a.log.1.gz', gzipSync(readFileSync(path('a.log.1'))), mtime);
  rmSync(path('a.log.1'));
  t.deepEqual(await numbers('a.log.1.gz'), [0]);
});

test('two short files with the same text are two, although the first has gone', async (t) => {
  const { write, numbers, path } = importOf(t);
  write('monday.ndjson', line(1));
  t.deepEqual(await numbers('monday.ndjson'), [0]);
  // Written before the other goes, which would leave it its inode.
  write('tuesday.ndjson', line(1), new Date());
  rmSync(path('monday.ndjson'));
  t.deepEqual(await numbers('tuesday.ndjson'), [1]);
});

test('an import of which nothing has arrived may begin anew with other settings', async (t) => {
  const { path } = importOf(t);
  const begun = ImportState.open(path('s.json'), { ...SETTINGS, format: '$wrong' });
  const source = begun.add('/logs/a', { headBytes: 0, headHash: '' });
  source.unreadable = source.settled = source.sentMax = 3;
  begun.save();
  const anew = ImportState.open(path('s.json'), SETTINGS);
  t.deepEqual(anew.sources, []);
  source.sentMax = 4;
  begun.save();
  const open = () => ImportState.open(path('s.json'), SETTINGS);
  t.throws(open, { message: /another format: expected "\$wrong", received "auto"/ });
});
