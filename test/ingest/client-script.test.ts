import { get } from 'node:http';
import { gunzipSync } from 'node:zlib';
import test from 'ava';
import { headThenGet } from '../head-then-get.ts';
import { startTestEdge } from './start-edge.ts';

const SCRIPT = `${'console.log("ü");'.repeat(100)}`;

interface Answer {
  readonly status: number | undefined;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const ask = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> =>
  new Promise((resolve, reject) => {
    get(`${url}/client.js`, { headers, agent: false }, async (response) => {
      const chunks: Buffer[] = await response.toArray();
      const { statusCode: status, headers } = response;
      resolve({ status, headers, body: Buffer.concat(chunks) });
    }).on('error', reject);
  });

test('the client for pages comes from where its events go, packed for who takes it so', async (t) => {
  const { url } = await startTestEdge(t, { clientScript: SCRIPT });
  const plain = await ask(url);
  t.is(plain.status, 200);
  t.is(plain.body.toString(), SCRIPT);
  t.like(plain.headers, {
    'content-type': 'text/javascript; charset=utf-8',
    'access-control-allow-origin': '*',
    'cache-control': 'public, max-age=3600',
    vary: 'Accept-Encoding',
  });
  const packed = await ask(url, { 'accept-encoding': 'gzip, br' });
  t.is(packed.headers['content-encoding'], 'gzip');
  t.is(gunzipSync(packed.body).toString(), SCRIPT);
});

test('who has it is told so, and only who has this one', async (t) => {
  const { url } = await startTestEdge(t, { clientScript: SCRIPT });
  const tag = String((await ask(url)).headers['etag']);
  const known = await ask(url, { 'if-none-match': `"other", ${tag}` });
  t.deepEqual([known.status, known.body.length], [304, 0]);
  t.is(known.headers['etag'], tag);
  t.is((await ask(url, { 'if-none-match': 'W/"other"' })).status, 200);
});

test('HEAD is answered as GET, without the script', async (t) => {
  const { port } = await startTestEdge(t, { clientScript: SCRIPT });
  const text = await headThenGet(port, '/client.js', SCRIPT);
  t.is(text.split('HTTP/1.1 200 OK').length, 3);
  t.is(text.split('ETag: W/').length, 3);
  t.is(text.split(SCRIPT).length, 2);
});

test('where it is not built, the answer says what to do', async (t) => {
  const { url } = await startTestEdge(t);
  const answer = await ask(url);
  t.is(answer.status, 404);
  t.regex(answer.body.toString(), /not_found.*npm ci/);
});
