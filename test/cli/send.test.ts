/** `streamgauge send` and a server. */
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import { send } from '../../src/cli/send.ts';
import { openSite, page, type Site } from '../query/cold/site.ts';
import { heardTerminal, runHeard } from './heard-terminal.ts';

function fileOf(t: ExecutionContext, name: string, content: string | Uint8Array): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-send-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, name);
  writeFileSync(file, content);
  return file;
}

const ingestUrl = ({ server }: Site) => [
  '--ingest-url',
  `http://${server.host}:${server.ingestPort}`,
];
const run = (...args: string[]) => runHeard('send', ...args);

test('the lines of a packed file become events with ids, and bad ones are named', async (t) => {
  const site = await openSite();
  t.teardown(() => site.close());
  const lines = [
    '{"type":"a","text":"naïve ☂","nested":{"id":"x"}}',
    '',
    '  {"type":"b","id":"mine"}\r',
    '{"type":"c","id":null}',
    '{"no":"type"}',
    'no JSON',
    '{"type":"d"}',
  ];
  const text = lines.join('\n');
  for (const [name, content] of [
    ['a.gz', gzipSync(text)],
    ['b', zstdCompressSync(text)],
    ['c', text],
  ] as const) {
    const file = fileOf(t, name, content);
    const stream = `s${name[0]}`;
    const sent = await run(...ingestUrl(site), '--stream', stream, '--json', file);
    t.is(sent.exitCode, 1);
    t.like(JSON.parse(sent.out), { accepted: 4, refused: 2 });
    t.deepEqual(
      sent.err.split('\n').map((line) => line.slice(file.length, file.length + 16)),
      [':5: missing_type', ':6: invalid_json', ''],
    );
    const { position } = JSON.parse(sent.out) as { position: string };
    const { events } = await page(site, { stream, position });
    t.deepEqual(events.map(({ type }) => type).sort(), ['a', 'b', 'c', 'd']);
    t.like(
      events.find(({ type }) => type === 'a'),
      { fields: { text: 'naïve ☂', 'nested.id': 'x' } },
    );
    t.is(events.find(({ type }) => type === 'b')?.id, 'mine');
    t.is(new Set(events.map(({ id }) => id)).size, 4);
    t.true(events.every(({ id }) => typeof id === 'string'));
  }
});

test('a pipe is sent as it comes, and again what got no answer or was to come later', async (t) => {
  const bodies: string[] = [];
  const arrived = new PassThrough({ objectMode: true });
  const answers: ((answer: ServerResponse) => void)[] = [
    (answer) => answer.destroy(),
    (answer) => answer.writeHead(503, { 'retry-after': '0' }).end('{"error":{"message":"full"}}'),
  ];
  const server = createServer(async (request, answer) => {
    const body = (await buffer(request)).toString();
    if (request.method === 'GET') return answer.end();
    bodies.push(body);
    const refuse = answers.shift();
    if (refuse !== undefined) return refuse(answer);
    const accepted = body.trimEnd().split('\n').length;
    answer.end(JSON.stringify({ accepted, rejected: 0, errors: [], position: 'p' }));
    arrived.write(accepted);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const { terminal, heard } = heardTerminal();
  const stdin = new PassThrough();
  const sending = send(undefined, { ingestUrl: `http://127.0.0.1:${port}` }, terminal, stdin);
  stdin.write('{"type":"a"}\n{"type":"b"}\n{"ty');
  await once(arrived, 'data');
  t.is(bodies.length, 3);
  t.is(new Set(bodies).size, 1, 'each attempt has the same ids');
  stdin.end('pe":"c"}');
  t.is(await sending, 0);
  t.regex(bodies[3] ?? '', /^\{"id":"\w{10}\.0000003","type":"c"\}\n$/);
  t.regex(heard.out, /^3 events accepted, 0 refused/);
  t.regex(heard.err, /waiting: no server answers .*\nwaiting: .* said 503: full\ngoing on/s);
});

test('a request that the server finds too large is sent in parts', async (t) => {
  const site = await openSite({ limits: { lineBytesMax: '1KiB', bodyBytesMax: '64KiB' } });
  t.teardown(() => site.close());
  const lines = Array.from({ length: 5_000 }, (_, n) => `{"type":"t${n}"}`);
  lines[3] = '';
  lines[4_000] = '{}';
  const file = fileOf(t, 'events', lines.join('\n'));
  const { out, err } = await run(...ingestUrl(site), '--json', file);
  t.like(JSON.parse(out), { accepted: 4_998, refused: 1 });
  t.regex(err, /:4001: missing_type/);
});

test('what was sent before the input broke is told, and of no events that there were none', async (t) => {
  const arrived = Promise.withResolvers<void>();
  const broken = Promise.withResolvers<void>();
  let taken = 0;
  const server = createServer(async (request, answer) => {
    const lines = (await buffer(request)).toString().split('\n').length - 1;
    if (lines > 0) {
      taken += lines;
      arrived.resolve();
      await broken.promise;
    }
    answer.end(JSON.stringify({ accepted: lines, rejected: 0, errors: [] }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const ingest = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { terminal, heard } = heardTerminal();
  const stdin = new PassThrough();
  const sending = send(undefined, { ingestUrl: ingest }, terminal, stdin);
  stdin.write('{"type":"a"}\n');
  await arrived.promise;
  stdin.destroy(new Error('the pipe broke'));
  broken.resolve();
  await t.throwsAsync(sending, { message: /the pipe broke/ });
  t.regex(heard.out, new RegExp(`^${taken} events accepted`));
  const empty = await run('--ingest-url', ingest, '--json', fileOf(t, 'empty', ''));
  t.like(JSON.parse(empty.out), { accepted: 0, refused: 0 });
});

test('what cannot be sent is said at once', async (t) => {
  const nowhere = await run('--ingest-url', 'http://127.0.0.1:9', fileOf(t, 'x', '{}'));
  t.is(nowhere.exitCode, 1);
  t.regex(nowhere.err, /no server answers at http:\/\/127\.0\.0\.1:9 .*--ingest-url/);
  const site = await openSite();
  t.teardown(() => site.close());
  const url = ingestUrl(site);
  t.regex((await run(...url, '/nowhere/x')).err, /expected a file of NDJSON: ENOENT/);
  const cut = gzipSync('{"type":"a"}\n'.repeat(10_000)).subarray(0, 60);
  const broken = await run(...url, fileOf(t, 'cut.gz', cut));
  t.is(broken.exitCode, 1);
  t.regex(broken.err, /cut\.gz cannot be unpacked: unexpected end of file \(input_damaged\)/);
  const badStream = await run(...url, '--stream', 'a b', fileOf(t, 'y', '{"type":"a"}'));
  t.is(badStream.exitCode, 1);
  t.regex(badStream.err, /said 400: /);
});
