/** `streamgauge export` and a server. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { openSite, page, send } from '../query/cold/site.ts';
import { runHeard } from './heard-terminal.ts';

function folderOf(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'streamgauge-export-cli-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  return folder;
}

const run = (args: readonly string[]) => runHeard('export', ...args);

test('events become a file whose ending says its format, and errors name what is wrong', async (t) => {
  const folder = folderOf(t);
  const site = await openSite();
  t.teardown(() => site.close());
  const events = [1, 2, 3].map((n) => ({ id: `e${n}`, type: 'x', ts: n, n }));
  await page(site, { stream: 'shop', position: await send(site, 'shop', events) });
  const url = ['--url', `http://${site.server.host}:${site.server.queryPort}`];
  const file = join(folder, 'shop.csv');
  const some = ['--where', '{"field":"n","gte":2}', '--columns', 'id,n'];
  const { err, exitCode } = await run([...url, '--stream', 'shop', '--out', file, ...some]);
  t.is(exitCode, 0, err);
  t.deepEqual(readFileSync(file, 'utf8').split('\r\n').sort(), ['', 'e2,2', 'e3,3', 'id,n']);
  const refused = await run([...url, '--stream', 'none', '--out', join(folder, 'none.csv')]);
  t.is(refused.exitCode, 1);
  t.regex(refused.err, /no events of a stream "none" are known; archived are: none yet/);
  t.deepEqual(readdirSync(folder), ['shop.csv']);
});

test('an export that is broken off leaves the file as it was, and says so', async (t) => {
  const folder = folderOf(t);
  const server = createServer((_, answer) => {
    answer.writeHead(200);
    answer.write('{"id":"half"}\n', () => answer.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const file = join(folder, 'all.ndjson');
  const { err, exitCode } = await run(['--url', `http://127.0.0.1:${port}`, '--out', file]);
  t.is(exitCode, 1);
  t.regex(err, /broke the export off/);
  t.false(existsSync(file));
  t.deepEqual(readdirSync(folder), []);
});

test('without a server it says where none is', async (t) => {
  const { err, exitCode } = await run([
    ...['--url', 'http://127.0.0.1:9'],
    ...['--out', join(folderOf(t), 'x')],
  ]);
  t.is(exitCode, 1);
  t.regex(err, /no server answers at http:\/\/127\.0\.0\.1:9 .*--url/);
});
