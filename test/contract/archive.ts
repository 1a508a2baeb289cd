/** What every `Archive` must do. An archive's own test file calls this with a factory; see archive.ts for the promises. */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type FaultCode, isFault } from '../../src/model/errors.ts';
import type { Archive } from '../../storage/archive/archive.ts';
import { type ArchiveSettings, beginArchive, openArchive } from '../../storage/archive/open.ts';

interface ArchiveUnderTest {
  readonly archive: Archive;
  readonly settings: ArchiveSettings;
  /** For local files. */
  readonly dir: string;
}

export interface ArchiveTraits {
  /** False where names with `/` in them only look like files in folders. */
  readonly hasFolders: boolean;
}

const BIG_FILE_BYTES = 70 * 1024 * 1024 + 1;
const PROCESSES = 4;
const CREATOR = fileURLToPath(new URL('archive-creator.ts', import.meta.url));

/** @param create settings of an archive that is empty */
export function archiveContract(
  name: string,
  create: (t: ExecutionContext) => Promise<ArchiveSettings>,
  { hasFolders }: ArchiveTraits,
): void {
  const fact = (
    title: string,
    check: (t: ExecutionContext, under: ArchiveUnderTest) => Promise<void>,
  ) =>
    test(`${name}: ${title}`, async (t) => {
      const settings = await create(t);
      await beginArchive(settings);
      const archive = await openArchive(settings);
      t.teardown(() => archive.close());
      await check(t, { archive, settings, dir: await scratchDir(t) });
    });

  fact('a file that was put is read and fetched, byte for byte', async (t, { archive, dir }) => {
    const bytes = Uint8Array.from({ length: 1000 }, (_, index) => index);
    await archive.put('a/b/c.bin', await localFile(dir, bytes));
    t.deepEqual(Buffer.from((await archive.read('a/b/c.bin')) ?? []), Buffer.from(bytes));
    await archive.fetch('a/b/c.bin', join(dir, 'back'));
    t.deepEqual(await readFile(join(dir, 'back')), Buffer.from(bytes));
  });

  fact('an empty file is a file', async (t, { archive, dir }) => {
    await archive.put('put', await localFile(dir, ''));
    t.true(await archive.create('created', new Uint8Array()));
    t.is((await archive.read('put'))?.length, 0);
    t.is((await archive.read('created'))?.length, 0);
    await archive.fetch('put', join(dir, 'back'));
    t.is((await readFile(join(dir, 'back'))).length, 0);
    t.false(await archive.create('created', Buffer.from('x')));
  });

  fact('a put replaces what was there', async (t, { archive, dir }) => {
    await archive.put('x', await localFile(dir, 'a long beginning'));
    await archive.put('x', await localFile(dir, 'new'));
    t.is(await textAt(archive, 'x'), 'new');
  });

  fact('a put leaves the local file as it was', async (t, { archive, dir }) => {
    const path = await localFile(dir, 'mine');
    await archive.put('x', path);
    await writeFile(path, 'changed');
    t.is(await textAt(archive, 'x'), 'mine');
  });

  fact('a file of 70 MiB comes back whole', async (t, { archive, dir }) => {
    const bytes = Buffer.alloc(BIG_FILE_BYTES);
    for (let at = 0; at < bytes.length - 4; at += 4)
      bytes.writeUInt32LE((at * 2654435761) >>> 0, at);
    const path = await localFile(dir, bytes);
    await archive.put('big', path);
    await archive.fetch('big', join(dir, 'back'));
    t.is(await hashOf(join(dir, 'back')), await hashOf(path));
    t.is((await archive.list(''))?.find((entry) => entry.name === 'big')?.bytes, BIG_FILE_BYTES);
  });

  fact(
    'a fetch replaces a local file, and leaves nothing beside it',
    async (t, { archive, dir }) => {
      await archive.put('x', await localFile(dir, 'archived'));
      const before = await readdir(dir);
      await writeFile(join(dir, 'back'), 'something longer than that');
      await archive.fetch('x', join(dir, 'back'));
      t.is(await readFile(join(dir, 'back'), 'utf8'), 'archived');
      t.deepEqual((await readdir(dir)).sort(), [...before, 'back'].sort());
    },
  );

  fact('a local file that cannot be read is put nowhere', async (t, { archive, dir }) => {
    await rejects(t, 'archive_io', archive.put('x', join(dir, 'nothing')));
    t.is(await archive.read('x'), undefined);
  });

  fact('what is not there reads as nothing and cannot be fetched', async (t, { archive, dir }) => {
    t.is(await archive.read('no/such/file'), undefined);
    const before = await readdir(dir);
    await rejects(t, 'archive_missing', archive.fetch('no/such/file', join(dir, 'back')));
    t.deepEqual(await readdir(dir), before);
  });

  fact('create makes a file once', async (t, { archive }) => {
    t.true(await archive.create('m/v1', Buffer.from('first')));
    t.false(await archive.create('m/v1', Buffer.from('second')));
    t.is(await textAt(archive, 'm/v1'), 'first');
  });

  fact('create makes no file where one was put', async (t, { archive, dir }) => {
    await archive.put('m/v1', await localFile(dir, 'put'));
    t.false(await archive.create('m/v1', Buffer.from('created')));
    t.is(await textAt(archive, 'm/v1'), 'put');
  });

  fact('of many that create a file, exactly one hears true', async (t, { archive }) => {
    for (const path of ['m/v1', 'm/v2', 'm/v3']) {
      const tries = Array.from({ length: 24 }, (_, index) => `${path} by ${index}`);
      const heard = await Promise.all(tries.map((text) => archive.create(path, Buffer.from(text))));
      t.deepEqual(heard.filter(Boolean), [true]);
      t.is(await textAt(archive, path), tries[heard.indexOf(true)]);
    }
  });

  fact(
    'of several processes that create files, exactly one hears true of each',
    async (t, { archive, settings }) => {
      const paths = Array.from({ length: 10 }, (_, index) => `m/v${index}`);
      const heard = await Promise.all(
        Array.from({ length: PROCESSES }, (_, index) =>
          createdByProcess(t, settings, paths, `process ${index}`),
        ),
      );
      for (const [index, path] of paths.entries()) {
        const winners = heard.flatMap((created, p) => (created[index] ? [`process ${p}`] : []));
        t.is(winners.length, 1);
        t.is(await textAt(archive, path), winners[0]);
      }
    },
  );

  fact('a move takes a file to another folder', async (t, { archive, dir }) => {
    await archive.put('_tmp/x', await localFile(dir, 'moved'));
    await archive.move('_tmp/x', 'a/b/x');
    t.is(await archive.read('_tmp/x'), undefined);
    t.is(await textAt(archive, 'a/b/x'), 'moved');
  });

  fact('a move may be repeated', async (t, { archive, dir }) => {
    await archive.put('_tmp/x', await localFile(dir, 'moved'));
    await archive.move('_tmp/x', 'a/x');
    await archive.move('_tmp/x', 'a/x');
    t.is(await textAt(archive, 'a/x'), 'moved');
  });

  fact(
    'a move that several make is made once, and is no error to any',
    async (t, { archive, dir }) => {
      await archive.put('_tmp/x', await localFile(dir, 'moved'));
      await Promise.all(Array.from({ length: 8 }, () => archive.move('_tmp/x', 'a/b/x')));
      t.is(await archive.read('_tmp/x'), undefined);
      t.is(await textAt(archive, 'a/b/x'), 'moved');
    },
  );

  fact('a move replaces nothing', async (t, { archive, dir }) => {
    await archive.put('_tmp/x', await localFile(dir, 'new'));
    await archive.put('a/x', await localFile(dir, 'old'));
    await rejects(t, 'archive_io', archive.move('_tmp/x', 'a/x'));
    t.is(await textAt(archive, 'a/x'), 'old');
    t.is(await textAt(archive, '_tmp/x'), 'new');
  });

  fact('a move of nothing to nowhere rejects', async (t, { archive }) => {
    await rejects(t, 'archive_missing', archive.move('_tmp/x', 'a/x'));
  });

  fact('a folder is listed in the order of its names', async (t, { archive }) => {
    const names = ['b', 'a', 'Z', '10', '9', 'a b', 'ä', '日本', '\u{1F600}', '\uFF5E'];
    for (const name of names) await archive.create(`f/${name}`, Buffer.from(name));
    await archive.create('f/sub/x', Buffer.from('in a folder of its own'));
    await archive.create('g/x', Buffer.from('beside'));
    const entries = await archive.list('f');
    t.deepEqual(
      entries.map((entry) => entry.name),
      [...names, 'sub'].sort(),
    );
    for (const { name, isFolder, bytes } of entries) {
      t.is(isFolder, name === 'sub');
      t.is(bytes, name === 'sub' ? 0 : Buffer.byteLength(name));
    }
  });

  fact('the root is a folder', async (t, { archive }) => {
    await archive.create('f/x', Buffer.from('x'));
    await archive.create('y', Buffer.from('y'));
    const seen = (await archive.list('')).filter(({ name }) => !name.startsWith('_'));
    t.deepEqual(
      seen.map(({ name, isFolder }) => [name, isFolder]),
      [
        ['f', true],
        ['y', false],
      ],
    );
  });

  fact('a file says when it was stored, or that it does not know', async (t, { archive }) => {
    const before = Date.now();
    await archive.create('f/x', Buffer.from('x'));
    const [entry] = await archive.list('f');
    const storedMs = entry?.modifiedMs ?? Number.NaN;
    // File systems and S3 round to their own ticks.
    t.true(storedMs === 0 || (storedMs > before - 2000 && storedMs < Date.now() + 2000));
  });

  fact('what is no folder lists as nothing', async (t, { archive }) => {
    await archive.create('f/x', Buffer.from('x'));
    t.deepEqual(await archive.list('no/such'), []);
    t.deepEqual(await archive.list('f/x'), []);
  });

  fact('a folder of more files than one page has them all', async (t, { archive, dir }) => {
    // HDFS and S3 give 1,000 at a time.
    const names = Array.from({ length: 1005 }, (_, index) => String(index).padStart(20, '0'));
    const path = await localFile(dir, 'x');
    for (let from = 0; from < names.length; from += 50) {
      const some = names.slice(from, from + 50);
      await Promise.all(some.map((name) => archive.put(`f/${name}`, path)));
    }
    t.deepEqual(
      (await archive.list('f')).map((entry) => entry.name),
      names,
    );
  });

  fact(
    'names with spaces, signs and letters of any script are kept',
    async (t, { archive, dir }) => {
      const names = [
        'a b',
        'a+b',
        'a%20b',
        '50%',
        'ä日本',
        '\u{1F600}',
        'a?b',
        'a#b',
        "a'b",
        'a&b=c',
      ];
      for (const name of names) {
        const path = `tenant=${name}/${name}`;
        await archive.put(`_tmp/${name}`, await localFile(dir, name));
        await archive.move(`_tmp/${name}`, path);
        t.is(await textAt(archive, path), name);
        t.false(await archive.create(path, Buffer.from('x')));
        await archive.fetch(path, join(dir, 'back'));
        t.is(await readFile(join(dir, 'back'), 'utf8'), name);
        t.deepEqual(
          (await archive.list(`tenant=${name}`)).map((entry) => entry.name),
          [name],
        );
        await archive.remove(path);
        t.is(await archive.read(path), undefined);
      }
    },
  );

  fact('what was removed is gone, and may be removed again', async (t, { archive }) => {
    await archive.create('f/x', Buffer.from('x'));
    await archive.create('f/y', Buffer.from('y'));
    await archive.remove('f/x');
    await archive.remove('f/x');
    await archive.remove('no/such');
    t.is(await archive.read('f/x'), undefined);
    t.is(await textAt(archive, 'f/y'), 'y');
    t.true(await archive.create('f/x', Buffer.from('again')));
  });

  fact('nothing is left in the folder of what is not whole', async (t, { archive, dir }) => {
    await archive.put('a', await localFile(dir, 'a'));
    await archive.create('b', Buffer.from('b'));
    await archive.create('b', Buffer.from('b'));
    t.deepEqual(await archive.list('_tmp'), []);
  });

  fact('another client sees the same files', async (t, { archive, settings }) => {
    await archive.create('f/x', Buffer.from('x'));
    const other = await openArchive(settings);
    t.teardown(() => other.close());
    t.is(other.url, archive.url);
    t.is(await textAt(other, 'f/x'), 'x');
  });

  fact(
    'a path that leads out of the archive, or is not one, is refused',
    async (t, { archive, dir }) => {
      const path = await localFile(dir, 'x');
      const bad = ['..', '../x', 'a/../../x', '/etc/x', 'a//b', 'a/./b', 'a/', 'a\0b', '\uD800'];
      for (const wrong of bad) {
        for (const call of [
          () => archive.put(wrong, path),
          () => archive.create(wrong, Buffer.from('x')),
          () => archive.move(wrong, 'x'),
          () => archive.move('x', wrong),
          () => archive.read(wrong),
          () => archive.fetch(wrong, join(dir, 'back')),
          () => archive.list(wrong),
          () => archive.remove(wrong),
        ]) {
          await t.throwsAsync(call, { instanceOf: RangeError }, JSON.stringify(wrong));
        }
      }
      await t.throwsAsync(() => archive.read(''), { instanceOf: RangeError });
    },
  );

  if (!hasFolders) return;

  fact(
    'a file is no folder: nothing is below it, and nothing is put there',
    async (t, { archive, dir }) => {
      await archive.create('x', Buffer.from('x'));
      t.is(await archive.read('x/y'), undefined);
      t.deepEqual(await archive.list('x/y'), []);
      await archive.remove('x/y');
      await archive.create('z', Buffer.from('z'));
      const path = await localFile(dir, 'y');
      await rejects(t, 'archive_missing', archive.fetch('x/y', join(dir, 'back')));
      await rejects(t, 'archive_io', archive.put('x/y', path));
      await rejects(t, 'archive_io', archive.create('x/y', Buffer.from('y')));
      await rejects(t, 'archive_io', archive.move('z', 'x/y'));
      t.is(await textAt(archive, 'x'), 'x');
      t.is(await textAt(archive, 'z'), 'z');
    },
  );

  fact(
    'a folder is no file: it is not replaced, and nothing is put into it',
    async (t, { archive, dir }) => {
      await archive.create('f/x', Buffer.from('x'));
      await archive.create('z', Buffer.from('z'));
      await rejects(t, 'archive_io', archive.put('f', await localFile(dir, 'y')));
      await rejects(t, 'archive_io', archive.create('f', Buffer.from('y')));
      await rejects(t, 'archive_io', archive.move('z', 'f'));
      t.deepEqual(
        (await archive.list('f')).map((entry) => entry.name),
        ['x'],
      );
      t.is(await textAt(archive, 'z'), 'z');
    },
  );
}

/** A directory of its own for each test, taken away with it. */
export async function scratchDir(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-archive-'));
  t.teardown(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

let files = 0;

export async function localFile(dir: string, content: string | Uint8Array): Promise<string> {
  files += 1;
  const path = join(dir, `local-${files}`);
  await writeFile(path, content);
  return path;
}

export async function textAt(archive: Archive, path: string): Promise<string | undefined> {
  const bytes = await archive.read(path);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

/** The fault has to name what it is about. */
export async function rejects(
  t: ExecutionContext,
  code: FaultCode,
  call: Promise<unknown>,
): Promise<void> {
  const error = await t.throwsAsync(call);
  t.true(isFault(error, code), `expected ${code}, received ${error?.stack}`);
  if (isFault(error, code)) t.is(typeof error.location.path, 'string');
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest('hex');
}

/** What a process heard when it created each of `paths` with `text` in it. */
function createdByProcess(
  t: ExecutionContext,
  settings: ArchiveSettings,
  paths: readonly string[],
  text: string,
): Promise<boolean[]> {
  const child = fork(CREATOR, { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  t.teardown(() => child.kill('SIGKILL'));
  return new Promise((heard, failed) => {
    child.once('error', failed);
    child.once('exit', (code) => failed(new Error(`a creating process ended with ${code}`)));
    child.once('message', (message) => {
      heard(message as boolean[]);
      child.disconnect();
    });
    child.send({ settings, paths, text });
  });
}
