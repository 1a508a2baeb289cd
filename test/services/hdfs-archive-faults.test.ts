/** The archive while its HDFS fails: processes killed, safe mode, answers that are lost. One after the other, on one HDFS. */
import { mkdtempSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { HDFS_USER, type Hdfs, startHdfs } from '../../deploy/local/hdfs.ts';
import { jarsOf } from '../../deploy/local/jars.ts';
import { runJava } from '../../deploy/local/java.ts';
import type { Archive } from '../../storage/archive/archive.ts';
import { openArchive } from '../../storage/archive/open.ts';
import type { WebHdfsSettings } from '../../storage/archive/webhdfs.ts';
import { localFile, rejects, scratchDir, textAt } from '../contract/archive.ts';
import { losingAnswers } from './losing-answers.ts';

const ADMIN_MS_MAX = 60_000;
/** More than a start takes on a busy machine. */
const PATIENT_MS = 30_000;

let hdfs: Hdfs;
const dir = mkdtempSync(join(tmpdir(), 'streamgauge-hdfs-faults-'));

test.before(async () => {
  hdfs = await startHdfs({ dir });
});

test.after.always(async () => {
  await hdfs?.stop();
  await rm(dir, { recursive: true, force: true });
});

test.serial('a put outlives the DataNode that is killed under it', async (t) => {
  const archive = await opened(t, { retryMs: PATIENT_MS });
  const bytes = 384 * 1024 * 1024;
  const path = await bigFile(t, bytes);
  let isDone = false;
  const putting = archive.put('killed', path).then(() => {
    isDone = true;
  });
  while ((await archive.list('')).length === 0) t.false(isDone);
  await hdfs.datanode.kill();
  t.false(isDone);
  await hdfs.datanode.start();
  await putting;
  t.deepEqual(
    (await archive.list('')).map((entry) => [entry.name, entry.bytes]),
    [['killed', bytes]],
  );
  const back = join(await scratchDir(t), 'back');
  await archive.fetch('killed', back);
  t.true((await readFile(path)).equals(await readFile(back)));
});

test.serial('without a DataNode the archive is out of reach, and reads say so, too', async (t) => {
  const archive = await opened(t, { retryMs: 0 });
  await archive.create('x', Buffer.from('x'));
  await hdfs.datanode.kill();
  try {
    await rejects(t, 'archive_unavailable', archive.create('y', Buffer.from('y')));
    await rejects(t, 'archive_unavailable', archive.read('x'));
    t.is((await archive.list('')).find(({ name }) => name === 'x')?.bytes, 1);
  } finally {
    await hdfs.datanode.start();
  }
  t.is(await textAt(archive, 'x'), 'x');
  t.true(await archive.create('y', Buffer.from('y')));
});

test.serial('a call outlives the NameNode that is killed and started again', async (t) => {
  const patient = await opened(t, { retryMs: PATIENT_MS });
  const hasty = await opened(t, { retryMs: 0 });
  await patient.create('before', Buffer.from('kept'));
  await hdfs.namenode.kill();
  await rejects(t, 'archive_unavailable', hasty.read('before'));
  const creating = patient.create('after', Buffer.from('made'));
  const reading = textAt(patient, 'before');
  await hdfs.namenode.start();
  t.true(await creating);
  t.is(await reading, 'kept');
});

test.serial('in safe mode the archive is read, and takes writes when it is left', async (t) => {
  const patient = await opened(t, { retryMs: PATIENT_MS });
  const hasty = await opened(t, { retryMs: 0 }, patient.url);
  await patient.create('x', Buffer.from('x'));
  await safeMode('enter');
  const file = await localFile(await scratchDir(t), 'z');
  await rejects(t, 'archive_unavailable', hasty.create('y', Buffer.from('y')));
  await rejects(t, 'archive_unavailable', hasty.put('z', file));
  await rejects(t, 'archive_unavailable', hasty.move('x', 'w'));
  await rejects(t, 'archive_unavailable', hasty.remove('x'));
  t.is(await textAt(hasty, 'x'), 'x');
  const creating = patient.create('y', Buffer.from('y'));
  await safeMode('leave');
  t.true(await creating);
});

test.serial('a NameNode that answers is remembered, one that is dead is passed over', async (t) => {
  let connections = 0;
  const dead = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  t.teardown(() => dead.close());
  await new Promise<void>((resolve) => dead.listen(0, '127.0.0.1', resolve));
  const deadUrl = `http://127.0.0.1:${(dead.address() as AddressInfo).port}`;
  const archive = await opened(t, { namenodes: [deadUrl, hdfs.webHdfsUrl], retryMs: 0 });
  t.true(await archive.create('a/x', Buffer.from('x')));
  t.is(await textAt(archive, 'a/x'), 'x');
  t.is(connections, 1);
});

test.serial('what another user may not do is denied at once', async (t) => {
  const mine = await opened(t, {});
  await mine.create('f/x', Buffer.from('x'));
  const other = await opened(t, { auth: { user: 'somebody' } }, mine.url);
  const file = await localFile(await scratchDir(t), 'y');
  await rejects(t, 'archive_denied', other.put('f/y', file));
  await rejects(t, 'archive_denied', other.create('f/y', Buffer.from('y')));
  await rejects(t, 'archive_denied', other.move('f/x', 'f/y'));
  await rejects(t, 'archive_denied', other.remove('f/x'));
  t.is(await textAt(other, 'f/x'), 'x');
});

for (const op of ['CREATE', 'GETFILESTATUS', 'RENAME', 'DELETE', 'MKDIRS']) {
  test.serial(`a lost answer to ${op} changes no outcome`, async (t) => {
    const namenodes = [
      await losingAnswers(t, hdfs.webHdfsUrl, (_, url) => url.searchParams.get('op') === op),
    ];
    const archive = await opened(t, { namenodes });
    t.true(await archive.create('m/v1', Buffer.from('mine')));
    t.false(await archive.create('m/v1', Buffer.from('again')));
    t.is(await textAt(archive, 'm/v1'), 'mine');
    await archive.move('m/v1', 'n/v1');
    t.is(await textAt(archive, 'n/v1'), 'mine');
    await archive.remove('n/v1');
    t.is(await archive.read('n/v1'), undefined);
    t.deepEqual(await archive.list('_tmp'), []);
  });
}

let archives = 0;

/** An archive of its own, unless `url` is that of another. */
async function opened(
  t: ExecutionContext,
  settings: Partial<WebHdfsSettings>,
  url?: string,
): Promise<Archive> {
  archives += 1;
  const archive = await openArchive({
    type: 'webhdfs',
    namenodes: [hdfs.webHdfsUrl],
    defaultFs: hdfs.rpcUrl,
    dir: url?.slice(hdfs.rpcUrl.length) ?? `/archives/${archives}`,
    auth: { user: HDFS_USER },
    ...settings,
  });
  t.teardown(() => archive.close());
  return archive;
}

async function bigFile(t: ExecutionContext, bytes: number): Promise<string> {
  const path = join(await scratchDir(t), 'big');
  const handle = await open(path, 'w');
  await handle.truncate(bytes);
  for (let at = 0; at < bytes; at += 1 << 20) await handle.write(`at ${at}`, at);
  await handle.close();
  return path;
}

async function safeMode(what: 'enter' | 'leave'): Promise<void> {
  await runJava({
    main: 'org.apache.hadoop.hdfs.tools.DFSAdmin',
    args: ['-fs', hdfs.rpcUrl, '-safemode', what],
    classpath: await jarsOf('hdfs'),
    heapMb: 128,
    folder: dir,
    env: { HADOOP_USER_NAME: HDFS_USER },
    timeoutMs: ADMIN_MS_MAX,
  });
}
