import { spawnSync } from 'node:child_process';
import { chmod, link, mkdir, readdir, rename, rmdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { beginLocalArchive, openLocalArchive } from '../../../storage/archive/local.ts';
import { archiveContract, localFile, rejects, scratchDir, textAt } from '../../contract/archive.ts';
import { archiveWritersContract } from '../../contract/archive-writers.ts';

archiveWritersContract('local', async (t) => ({ type: 'local', dir: await scratchDir(t) }));
archiveContract('local', async (t) => ({ type: 'local', dir: await scratchDir(t) }), {
  hasFolders: true,
});

test('the directory is made, and its URL names it as other programs do', async (t) => {
  const dir = join(await scratchDir(t), 'not there', 'yet');
  await beginLocalArchive(dir);
  const archive = openLocalArchive(dir);
  t.is(archive.url, `file://${dir}`);
  t.deepEqual(await readdir(dir), ['_manifest']);
});

test('a directory that was moved away or unmounted is out of reach, nothing is made in its place, and it may come back', async (t) => {
  const scratch = await scratchDir(t);
  const [dir, away] = [join(scratch, 'archive'), join(scratch, 'away')];
  await beginLocalArchive(dir);
  const archive = openLocalArchive(dir);
  await archive.create('f/x', Buffer.from('x'));
  await writeFile(join(scratch, 'local'), 'new');
  await rename(dir, away);
  const refuseAll = async () => {
    await rejects(t, 'archive_unavailable', archive.put('f/y', join(scratch, 'local')));
    await rejects(t, 'archive_unavailable', archive.create('g/y', Buffer.from('y')));
    await rejects(t, 'archive_unavailable', archive.move('f/x', 'f/y'));
    await rejects(t, 'archive_unavailable', archive.read('f/x'));
    await rejects(t, 'archive_unavailable', archive.fetch('f/x', join(scratch, 'back')));
    await rejects(t, 'archive_unavailable', archive.list('f'));
    await rejects(t, 'archive_unavailable', archive.remove('f/x'));
  };
  await refuseAll();
  t.deepEqual((await readdir(scratch)).sort(), ['away', 'local']);
  await mkdir(dir);
  await refuseAll();
  t.deepEqual(await readdir(dir), []);
  await rmdir(dir);
  await rename(away, dir);
  t.is(await textAt(archive, 'f/x'), 'x');
});

test('a move that was cut off between its two names is finished when it is repeated', async (t) => {
  const dir = await scratchDir(t);
  await beginLocalArchive(dir);
  const archive = openLocalArchive(dir);
  await archive.create('_tmp/x', Buffer.from('moved'));
  await mkdir(join(dir, 'a'));
  await link(join(dir, '_tmp/x'), join(dir, 'a/x'));
  await archive.move('_tmp/x', 'a/x');
  t.is(await archive.read('_tmp/x'), undefined);
  t.is(await textAt(archive, 'a/x'), 'moved');
});

test('a file in place of the directory is said when the archive is begun', async (t) => {
  const path = await localFile(await scratchDir(t), 'x');
  await rejects(t, 'archive_io', beginLocalArchive(path));
  await rejects(t, 'archive_io', beginLocalArchive(join(path, 'below')));
});

test('links and other things in a folder do not keep it from being listed', async (t) => {
  const dir = await scratchDir(t);
  await beginLocalArchive(dir);
  const archive = openLocalArchive(dir);
  await archive.create('f/x', Buffer.from('xyz'));
  await symlink(join(dir, 'f/x'), join(dir, 'f/y'));
  await symlink(join(dir, 'nowhere'), join(dir, 'f/z'));
  const entries = await archive.list('f');
  t.deepEqual(
    entries.map(({ name, bytes }) => [name, bytes]),
    [
      ['x', 3],
      ['y', 3],
    ],
  );
});

test('a directory that this user may not write to denies writes, and is read', async (t) => {
  const dir = await scratchDir(t);
  await beginLocalArchive(dir);
  const archive = openLocalArchive(dir);
  await archive.create('f/x', Buffer.from('x'));
  await writeFile(join(dir, 'local'), 'new');
  for (const path of [dir, join(dir, 'f'), join(dir, '_tmp')]) await chmod(path, 0o555);
  t.teardown(() => chmod(dir, 0o755));
  t.teardown(() => chmod(join(dir, 'f'), 0o755));
  t.teardown(() => chmod(join(dir, '_tmp'), 0o755));
  t.deepEqual(codesHeard(dir), {
    put: 'archive_denied',
    create: 'archive_denied',
    move: 'archive_denied',
    remove: 'archive_denied',
    read: 'x',
    list: 'x',
  });
});

/** Each call's answer or code, by a process without the rights of root, which may do everything. */
function codesHeard(dir: string): Record<string, string> {
  const program = `
    import { openLocalArchive } from ${JSON.stringify(fileURLToPath(new URL('../../../storage/archive/local.ts', import.meta.url)))};
    const [dir] = process.argv.slice(1);
    const archive = openLocalArchive(dir);
    const calls = {
      put: () => archive.put('f/y', dir + '/local'),
      create: () => archive.create('f/y', Buffer.from('y')),
      move: () => archive.move('f/x', 'f/y'),
      remove: () => archive.remove('f/x'),
      read: async () => Buffer.from(await archive.read('f/x')).toString(),
      list: async () => (await archive.list('f')).map(({ name }) => name).join(),
    };
    const heard = {};
    for (const [name, call] of Object.entries(calls)) heard[name] = await call().catch(({ code }) => code);
    console.log(JSON.stringify(heard));
  `;
  const nobody = 65534;
  const asOther = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : {};
  const { stdout, stderr } = spawnSync(
    process.execPath,
    ['--input-type=module', '--eval', program, dir],
    { ...asOther, encoding: 'utf8' },
  );
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}
