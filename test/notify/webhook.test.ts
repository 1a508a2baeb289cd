import test from 'ava';
import { Webhook } from 'standardwebhooks';
import type { Attempt } from '../../src/model/notification.ts';
import { listen, NOW_MS, notificationOf, OTHER_SECRET, SECRET, serve, webhookOf } from './stage.ts';
import { sendBy } from './webhook-sending.ts';

const OUTCOMES: readonly (readonly [number, Attempt['outcome']])[] = [
  [200, 'delivered'],
  [204, 'delivered'],
  [400, 'failed'],
  [404, 'failed'],
  [408, 'failed'],
  [410, 'gone'],
  [425, 'failed'],
  [429, 'failed'],
  [500, 'failed'],
  [503, 'failed'],
];
for (const [status, outcome] of OUTCOMES) {
  test(`HTTP ${status} is ${outcome}`, async (t) => {
    const { url } = await serve(t, (_, response) => response.writeHead(status).end('said'));
    const { attempt } = await sendBy(webhookOf({ url }));
    const detail = `HTTP ${status}${status === 204 ? '' : ': said'}`;
    t.deepEqual(attempt, { atMs: NOW_MS, durationMs: 0, outcome, status, detail });
  });
}

test('a redirect to the metadata service is an answer, and is not followed', async (t) => {
  const location = 'http://169.254.169.254/latest/meta-data/';
  const { url, received } = await serve(t, (_, response) =>
    response.writeHead(307, { location }).end(),
  );
  const { attempt } = await sendBy(webhookOf({ url }));
  t.like(attempt, { outcome: 'failed', status: 307 });
  t.is(attempt.detail, `HTTP 307: redirects are not followed; it leads to ${location}`);
  t.is(received.length, 1);
});

test('Retry-After is told in milliseconds from now', async (t) => {
  const headers = { 'retry-after': new Date(NOW_MS + 60_000).toUTCString() };
  const { url } = await serve(t, (_, response) => response.writeHead(503, headers).end());
  t.like((await sendBy(webhookOf({ url }))).attempt, { outcome: 'failed', retryAfterMs: 60_000 });
});

test("without a template the body is Alertmanager's, signed by every secret", async (t) => {
  const nowMs = Date.now();
  const { url, received } = await serve(t, (_, response) => response.end());
  const secrets = [SECRET, OTHER_SECRET];
  await sendBy(webhookOf({ url: `${url}hook?x=1`, secrets, method: 'PUT' }), { nowMs });
  const [request] = received;
  if (request === undefined) return t.fail();
  t.like(request, { method: 'PUT', path: '/hook?x=1' });
  t.is(request.headers['content-type'], 'application/json');
  const headers = {
    'webhook-id': String(request.headers['webhook-id']),
    'webhook-timestamp': String(request.headers['webhook-timestamp']),
    'webhook-signature': String(request.headers['webhook-signature']),
  };
  for (const secret of secrets) {
    const body = new Webhook(secret).verify(request.body, headers);
    t.like(body, { version: '4', receiver: 'ops', status: 'firing' });
  }
});

test('templates fill body and headers; a line break in a label stays out of a header', async (t) => {
  const { url, received } = await serve(t, (_, response) => response.end());
  const headers = { 'X-Summary': '{{commonAnnotations.summary}} ü→', 'Content-Type': 'text/plain' };
  await sendBy(webhookOf({ url, headers, body: '{{alarms.0.name}} at {{number alarms.0.value}}' }));
  t.is(received[0]?.body, 'errors at 12.3457');
  t.is(received[0]?.headers['content-type'], 'text/plain');
  t.is(
    Buffer.from(String(received[0]?.headers['x-summary']), 'latin1').toString('latin1'),
    'Errors on a"1 are at 12 ü?',
  );
});

test('the request is kept without what is secret in it', async (t) => {
  const { url, received } = await serve(t, (_, response) => response.end());
  const { port } = new URL(url);
  const { request } = await sendBy(
    webhookOf({
      url: `http://user:pass%20word@127.0.0.1:${port}/services/T000/token`,
      headers: { 'X-Api-Key': 'key', 'User-Agent': 'ours' },
      secrets: [SECRET],
    }),
  );
  t.is(received[0]?.headers.authorization, `Basic ${btoa('user:pass word')}`);
  t.is(received[0]?.headers['x-api-key'], 'key');
  t.is(request?.url, `http://127.0.0.1:${port}/***`);
  t.like(request?.headers, {
    'x-api-key': '***',
    authorization: '***',
    'user-agent': 'ours',
    'webhook-id': 'msg_1',
  });
  const kept = JSON.stringify(request);
  for (const secret of ['pass', 'token', '"key"', SECRET.slice(6)]) t.false(kept.includes(secret));
});

test('of an answer 4 KiB are read, and its control characters are not shown', async (t) => {
  let closed = () => {};
  const whenClosed = new Promise<void>((resolve) => {
    closed = resolve;
  });
  const { url } = await serve(t, (_, response) => {
    response.once('close', closed);
    response.writeHead(500);
    const more = () => {
      while (response.write(`\x1b[31m${'x'.repeat(1_000)}`));
    };
    response.on('drain', more);
    more();
  });
  const { attempt } = await sendBy(webhookOf({ url }));
  await whenClosed;
  t.true(attempt.detail.length <= 1_024);
  t.regex(attempt.detail, /^HTTP 500: {2}\[31mx{900}/);
});

test('an answer whose body is cut off counts by its status', async (t) => {
  const { url } = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('part', () => response.destroy());
  });
  t.like((await sendBy(webhookOf({ url }))).attempt, { outcome: 'delivered', status: 200 });
});

test('a server that takes the connection and says nothing fails when the attempt is ended', async (t) => {
  const abort = new AbortController();
  const port = await listen(t, () => abort.abort(new Error('not done within 5 ms')));
  const sending = await sendBy(webhookOf({ url: `http://127.0.0.1:${port}/` }), {
    signal: abort.signal,
  });
  t.like(sending.attempt, { outcome: 'failed', detail: 'not done within 5 ms' });
});

test('a port on which nobody listens is a failed attempt that says so', async (t) => {
  const { attempt } = await sendBy(webhookOf({ url: 'http://127.0.0.1:1/' }));
  t.is(attempt.outcome, 'failed');
  t.regex(attempt.detail, /ECONNREFUSED/);
});

test('TLS to a server without it is a failed attempt', async (t) => {
  const { port } = await serve(t, (_, response) => response.end());
  const { attempt } = await sendBy(webhookOf({ url: `https://127.0.0.1:${port}/` }));
  t.is(attempt.outcome, 'failed');
});

test('a template that makes too much is a failed attempt that names it', async (t) => {
  const { url, received } = await serve(t, (_, response) => response.end());
  const { attempt, request } = await sendBy(webhookOf({ url, body: '{{#if x}}' }), {
    notification: notificationOf(),
  });
  t.like(attempt, { outcome: 'failed', detail: 'body: line 1, column 1: {{#if}} is not closed' });
  t.is(request, undefined);
  t.deepEqual(received, []);
});
