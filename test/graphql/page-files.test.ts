import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { hashSecret } from '../../src/model/access.ts';
import { openTestListener } from './listener.ts';

const SCRIPT = 'console.log("streamgauge");\n';

async function built(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-page-'));
  t.teardown(() => rm(dir, { recursive: true }));
  await mkdir(join(dir, 'assets'));
  await writeFile(join(dir, 'index.html'), '<!doctype html><title>Built</title>');
  await writeFile(join(dir, 'assets/index-1.js'), SCRIPT);
  await writeFile(join(dir, 'assets/notes.txt'), 'not for browsers');
  return dir;
}

test('each view is the page, which is asked for anew each time and lets nobody else in', async (t) => {
  const { url } = await openTestListener(t, { dashboardDir: await built(t) });
  for (const path of ['/', '/explore', '/dashboards', '/shared', '/events', '/alarms', '/system']) {
    const { status, headers, text } = await fetch(url + path).then(withText);
    t.is(status, 200);
    t.true(text.includes('Built'));
    t.is(headers.get('cache-control'), 'no-cache');
    const policy = headers.get('content-security-policy') ?? '';
    t.true(policy.startsWith("default-src 'none'; script-src 'self'; style-src 'self'"), policy);
    t.false(policy.includes('unsafe'));
    t.is(headers.get('x-content-type-options'), 'nosniff');
  }
});

test('files whose names say their contents are kept for good, packed for who can unpack', async (t) => {
  const { url } = await openTestListener(t, { dashboardDir: await built(t) });
  for (const encoding of ['gzip, br', 'identity']) {
    const answer = await fetch(`${url}/assets/index-1.js`, {
      headers: { 'accept-encoding': encoding },
    }).then(withText);
    t.is(answer.text, SCRIPT);
    t.is(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable');
    t.is(answer.headers.get('content-type'), 'text/javascript; charset=utf-8');
    t.is(answer.headers.get('content-encoding'), encoding === 'identity' ? null : 'gzip');
  }
});

test('nothing else of the folder or beside it is handed out', async (t) => {
  const { url } = await openTestListener(t, { dashboardDir: await built(t) });
  const others = ['/assets', '/assets/', '/assets/notes.txt', '/index.html', '/..%2fpackage.json'];
  for (const path of others) t.is((await fetch(url + path)).status, 404, path);
});

test('the page is there for who has not signed in, and its facts tell no more than it needs', async (t) => {
  const reader = {
    id: 'reader',
    tenant: 'acme',
    scopes: ['read'] as const,
    hash: hashSecret('sg_r'),
  };
  const { url } = await openTestListener(t, { keys: [reader], dashboardDir: await built(t) });
  t.is((await fetch(url)).status, 200);
  const facts = await fetch(`${url}/session`).then(withText);
  t.deepEqual(JSON.parse(facts.text), {
    ...{ version: '1.2.3', ingestUrl: 'http://127.0.0.1:8080', needsKey: true, access: null },
  });
});

test('where nothing was built a plain page shows the first two commands', async (t) => {
  const { url } = await openTestListener(t);
  const page = await fetch(url).then(withText);
  t.true(page.text.includes('Send an event:'));
  t.is((await fetch(`${url}/system`)).status, 404);
});

const withText = async (response: Response) => ({
  status: response.status,
  headers: response.headers,
  text: await response.text(),
});
