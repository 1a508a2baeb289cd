import { appendFile, mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { Notification, Receiver } from '../../src/model/notification.ts';
import { notificationOf, webhookOf } from './stage.ts';
import { sendBy } from './webhook-sending.ts';

async function fileIn(t: ExecutionContext): Promise<{ path: string; receiver: Receiver }> {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-notify-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'alarms.ndjson');
  const { name, tenant, sendResolved, concurrency, timeoutMs, retry } = webhookOf();
  const base = { name, tenant, sendResolved, concurrency, timeoutMs, retry };
  return { path, receiver: { ...base, kind: 'file', path } };
}
const linesOf = async (path: string): Promise<string[]> =>
  (await readFile(path, 'utf8')).split('\n').slice(0, -1);

test('each notification is a line, whole, that only the owner may read', async (t) => {
  const { path, receiver } = await fileIn(t);
  const sent = ['msg_1', 'msg_2'].map((id) => notificationOf({ id }));
  for (const notification of sent) {
    const { attempt } = await sendBy(receiver, { notification });
    t.like(attempt, { outcome: 'delivered', detail: `appended to ${path}` });
  }
  const lines = await linesOf(path);
  t.deepEqual(
    lines.map((line): Notification => JSON.parse(line)),
    sent,
  );
  t.is((await stat(path)).mode & 0o777, 0o600);
});

test('half a line of a crash stays by itself', async (t) => {
  const { path, receiver } = await fileIn(t);
  await appendFile(path, '{"id":"msg_0","ten');
  await sendBy(receiver);
  const [torn, whole = ''] = await linesOf(path);
  t.is(torn, '{"id":"msg_0","ten');
  t.like(JSON.parse(whole), { id: 'msg_1' });
});

test('a folder that is not there is a failed attempt', async (t) => {
  const { path, receiver } = await fileIn(t);
  const { attempt } = await sendBy({ ...receiver, kind: 'file', path: `${path}/x/y` } as Receiver);
  t.is(attempt.outcome, 'failed');
  t.regex(attempt.detail, /ENOENT/);
});
