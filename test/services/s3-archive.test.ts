/** The archive in S3, as a server of others speaks it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { CopyObjectCommand, S3Client } from '@aws-sdk/client-s3';
import test, { type ExecutionContext } from 'ava';
import type { Archive } from '../../storage/archive/archive.ts';
import { openArchive } from '../../storage/archive/open.ts';
import type { S3Settings } from '../../storage/archive/s3.ts';
import { archiveContract, rejects, textAt } from '../contract/archive.ts';
import { archiveWritersContract } from '../contract/archive-writers.ts';
import { losingAnswers } from './losing-answers.ts';
import { asksRemoteArchive } from './remote-cold.ts';

const PROGRAM = fileURLToPath(new URL('s3', import.meta.url));

let server: ChildProcess;
let endpoint = '';

test.before(async () => {
  const PATH = `${process.env['PATH']}:/usr/local/go/bin`;
  const env = { ...process.env, PATH, GOTOOLCHAIN: 'local' };
  server = spawn('go', ['run', '.'], {
    cwd: PROGRAM,
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (server.stdout === null) throw new Error('the server was started without its output');
  const lines = createInterface(server.stdout);
  const ended = once(server, 'exit').then(() => {
    throw new Error('Go is needed, at least the version of go.mod: .ci/install-go');
  });
  [endpoint] = await Promise.race([once(lines, 'line'), ended]);
  ended.catch(() => undefined);
});

test.after.always(() => {
  // `go run` does not pass signals on; the server ends with its input.
  server.stdin?.end();
});

let archives = 0;

function settingsOf(): S3Settings {
  archives += 1;
  return {
    type: 's3',
    bucket: 'bucket',
    prefix: `archives/${archives}`,
    endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'somebody', secretAccessKey: 'something' },
  };
}

archiveContract('s3', async () => settingsOf(), { hasFolders: false });
archiveWritersContract('s3', async () => settingsOf());

test('single events are asked for from S3, each file fetched once', async (t) => {
  const { type: _, credentials, ...place } = settingsOf();
  await asksRemoteArchive(t, { s3: { ...place, ...credentials } });
});

test('the whole bucket may be the archive', async (t) => {
  const { prefix: _, ...settings } = settingsOf();
  const archive = await opened(t, settings);
  t.is(archive.url, 's3://bucket');
  await archive.create('whole/x', Buffer.from('x'));
  t.is(await textAt(archive, 'whole/x'), 'x');
  t.deepEqual(
    (await archive.list('whole')).map((entry) => entry.name),
    ['x'],
  );
});

test('a bucket that is not there is no empty archive', async (t) => {
  const archive = await opened(t, { ...settingsOf(), bucket: 'another' });
  await rejects(t, 'archive_io', archive.read('x'));
  await rejects(t, 'archive_io', archive.list(''));
  await rejects(t, 'archive_io', archive.create('x', Buffer.from('x')));
});

test('a server that is not there is out of reach', async (t) => {
  const archive = await opened(t, { ...settingsOf(), endpoint: 'http://127.0.0.1:1' });
  await rejects(t, 'archive_unavailable', archive.read('x'));
  await rejects(t, 'archive_unavailable', archive.create('x', Buffer.from('x')));
  await rejects(t, 'archive_unavailable', archive.list(''));
});

for (const method of ['PUT', 'HEAD', 'DELETE']) {
  test(`a lost answer to ${method} changes no outcome`, async (t) => {
    const losing = await losingAnswers(t, endpoint, (asked) => asked === method);
    const archive = await opened(t, { ...settingsOf(), endpoint: losing });
    t.true(await archive.create('m/v1', Buffer.from('mine')));
    t.false(await archive.create('m/v1', Buffer.from('again')));
    t.is(await textAt(archive, 'm/v1'), 'mine');
    await archive.move('m/v1', 'n/v1');
    t.is(await archive.read('m/v1'), undefined);
    t.is(await textAt(archive, 'n/v1'), 'mine');
    await archive.remove('n/v1');
    t.is(await archive.read('n/v1'), undefined);
  });
}

test('a move that was cut off behind its copy is finished when it is repeated', async (t) => {
  const settings = settingsOf();
  const { bucket: Bucket, prefix, region = 'us-east-1', credentials } = settings;
  const archive = await opened(t, settings);
  await archive.create('_tmp/x', Buffer.from('moved'));
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    ...(credentials && { credentials }),
  });
  t.teardown(() => client.destroy());
  const CopySource = `${Bucket}/${prefix}/_tmp/x`;
  await client.send(new CopyObjectCommand({ Bucket, Key: `${prefix}/a/x`, CopySource }));
  await archive.move('_tmp/x', 'a/x');
  t.is(await archive.read('_tmp/x'), undefined);
  t.is(await textAt(archive, 'a/x'), 'moved');
});

async function opened(t: ExecutionContext, settings: S3Settings): Promise<Archive> {
  const archive = await openArchive(settings);
  t.teardown(() => archive.close());
  return archive;
}
