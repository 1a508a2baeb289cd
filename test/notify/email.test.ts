import test from 'ava';
import type { EmailReceiver } from '../../src/model/notification.ts';
import { mailServer } from './smtp-server.ts';
import { alarmOf, listen, NOW_MS, notificationOf, webhookOf } from './stage.ts';
import { sendBy } from './webhook-sending.ts';

function emailOf(smtp: string, changes: Partial<EmailReceiver> = {}): EmailReceiver {
  const { name, tenant, sendResolved, concurrency, timeoutMs, retry } = webhookOf();
  return {
    ...{ name, tenant, sendResolved, concurrency, timeoutMs, retry },
    kind: 'email',
    smtp,
    from: 'Gauge <gauge@example.org>',
    to: ['a@example.org', 'b@example.org'],
    allowNetworks: ['127.0.0.0/8'],
    ...changes,
  };
}

const header = (data: string, name: string): string | undefined =>
  new RegExp(`^${name}: (.*(?:\n[ \t].*)*)`, 'm').exec(data)?.[1];

test('a mail tells of each alarm, with a stable id and its group as thread', async (t) => {
  const { port, mails } = await mailServer(t);
  const receiver = emailOf(`smtp://127.0.0.1:${port}`);
  const { attempt, request } = await sendBy(receiver);
  await sendBy(receiver);
  await sendBy(receiver, { notification: notificationOf({ id: 'msg_2' }) });
  t.like(attempt, { outcome: 'delivered', status: 250, detail: '250 2.0.0 queued as 1' });
  const [mail, again, other] = mails;
  if (mail === undefined || again === undefined || other === undefined) return t.fail();
  t.is(mail.from, 'gauge@example.org');
  t.deepEqual(mail.to, ['a@example.org', 'b@example.org']);
  t.is(header(mail.data, 'Subject'), '[FIRING 1] errors (critical)');
  t.is(header(mail.data, 'Auto-Submitted'), 'auto-generated');
  t.is(header(again.data, 'Message-ID'), header(mail.data, 'Message-ID'));
  t.not(header(other.data, 'Message-ID'), header(mail.data, 'Message-ID'));
  t.is(header(other.data, 'References'), header(mail.data, 'References'));
  t.is(request?.url, `smtp://127.0.0.1:${port}`);
  t.is(
    request?.body,
    `FIRING errors (critical)
  alertname: errors
  severity: critical
  stream: web
  tenant: acme
  host: a"1
  summary: Errors on a"1
are at 12
  value: 12.3457, threshold: 10
  since: 2026-11-21T07:58:30.000Z

http://gauge.example:8081
`,
  );
});

test('a label cannot add a header through the subject', async (t) => {
  const { port, mails } = await mailServer(t);
  const changes = { subject: '{{alarms.0.name}}', text: 'none' };
  const labels = { alertname: 'x\r\nBcc: evil@example.org' };
  const notification = notificationOf({ alarms: [alarmOf({ labels })] });
  await sendBy(emailOf(`smtp://127.0.0.1:${port}`, changes), {
    notification,
  });
  t.is(header(mails[0]?.data ?? '', 'Subject'), 'x Bcc: evil@example.org');
  t.is(header(mails[0]?.data ?? '', 'Bcc'), undefined);
});

test('a refusal is a failed attempt with the reply', async (t) => {
  const { port } = await mailServer(t, (command) =>
    command.startsWith('MAIL') ? '451 4.7.1 greylisted' : undefined,
  );
  const { attempt } = await sendBy(emailOf(`smtp://127.0.0.1:${port}`));
  t.like(attempt, { outcome: 'failed', status: 451 });
  t.regex(attempt.detail, /greylisted/);
});

test('a mail that one of two addresses takes is delivered, and names the other', async (t) => {
  const { port, mails } = await mailServer(t, (command) =>
    command.includes('<b@example.org>') ? '550 5.1.1 unknown' : undefined,
  );
  const { attempt } = await sendBy(emailOf(`smtp://127.0.0.1:${port}`));
  t.is(attempt.outcome, 'delivered');
  t.regex(attempt.detail, /not taken for b@example\.org/);
  t.deepEqual(mails[0]?.to, ['a@example.org']);
});

test('a password is not sent to a server without TLS', async (t) => {
  const commands: string[] = [];
  const { port, mails } = await mailServer(t, (command) => {
    commands.push(command);
    return command.startsWith('EHLO') ? '250-mail.example\r\n250 AUTH PLAIN LOGIN' : undefined;
  });
  const { attempt, request } = await sendBy(emailOf(`smtp://user:hunter2@127.0.0.1:${port}`));
  t.is(attempt.outcome, 'failed');
  t.deepEqual(mails, []);
  t.deepEqual(
    commands.filter((command) => command.startsWith('AUTH')),
    [],
  );
  t.false(JSON.stringify(request).includes('hunter2'));
});

test('a mail server that says nothing fails when the attempt is ended', async (t) => {
  const abort = new AbortController();
  const port = await listen(t, () => abort.abort(new Error('not done within 5 ms')));
  const { signal } = abort;
  const { attempt } = await sendBy(emailOf(`smtp://127.0.0.1:${port}`), { signal });
  t.like(attempt, { outcome: 'failed', detail: 'not done within 5 ms' });
});

for (const host of ['127.0.0.1', 'localhost', '2130706433', '[::ffff:127.0.0.1]']) {
  test(`a mail server at ${host} is refused unless it is allowed`, async (t) => {
    const { port, mails } = await mailServer(t);
    const receiver = emailOf(`smtp://${host}:${port}`, { allowNetworks: [] });
    const { attempt } = await sendBy(receiver);
    t.like(attempt, { outcome: 'refused', atMs: NOW_MS });
    t.regex(attempt.detail, /(is loopback|is not allowed); allowNetworks/);
    t.deepEqual(mails, []);
  });
}
