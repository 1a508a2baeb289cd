/** An import that is killed: `load-tests/import-bench.ts` does the same with millions of lines. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import test, { type ExecutionContext } from 'ava';
import { startImport, writeAccessLog } from '../../load-tests/import-process.ts';
import type { Server } from '../../load-tests/server.ts';
import { openSite, sql } from '../query/cold/site.ts';

const LINES = 50_000;
const KILLS = 2;
/** Of a run that is killed: as many more may be under way. */
const REQUESTS_TAKEN = 4;

/** Before the server: passes requests on; `isAnswered` is asked of each when it was taken. */
async function openProxy(
  t: ExecutionContext,
  { host, ingestPort }: Server,
  isAnswered: () => boolean,
) {
  /** What a killed import had sent arrives all the same. */
  const underWay = new Set<Promise<string>>();
  const proxy = createServer(async (request, answer) => {
    const url = `http://${host}:${ingestPort}${request.url}`;
    if (request.method !== 'POST') {
      answer.end(await (await fetch(url)).text());
      return;
    }
    const body = await buffer(request).catch(() => undefined);
    if (body === undefined) return;
    const headers = { 'content-type': `${request.headers['content-type']}` };
    const taken = fetch(url, { method: 'POST', headers, body: new Uint8Array(body) });
    const said = taken.then((response) => response.text());
    underWay.add(said);
    await said;
    if (isAnswered()) answer.writeHead((await taken).status).end(await said);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  t.teardown(() => proxy.close());
  const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { url, settled: () => Promise.all(underWay) };
}

test('an access log whose import is killed twice counts each line once, whatever ids the server remembers', async (t) => {
  // Fewer ids than were under way: what arrived is known from the events alone.
  const site = await openSite({ dedup: { windowIdsMax: 1_024, memoryBytesMax: '1MiB' } });
  t.teardown(() => site.close());
  const log = join(site.folder, 'access.log');
  writeAccessLog(log, LINES, Date.now() - 7 * 86_400_000, 86_400_000);
  let isAnswered = () => true;
  const proxy = await openProxy(t, site.server, () => isAnswered());
  const runs = [];
  while (runs.length <= KILLS) {
    const { child, ended } = startImport(site.server, log, proxy.url);
    let taken = 0;
    if (runs.length < KILLS) {
      isAnswered = () => {
        taken++;
        if (taken === REQUESTS_TAKEN) child.kill('SIGKILL');
        return taken < REQUESTS_TAKEN;
      };
    } else isAnswered = () => true;
    runs.push(await ended);
    // With so few ids remembered the next run sees only what was applied before it asks.
    await proxy.settled();
    await site.server.caughtUp('web');
  }
  const told = runs.at(-1);
  t.deepEqual(runs.slice(0, -1), [undefined, undefined]);
  t.like(told, { accepted: LINES, refused: 0, unreadable: 0 });
  t.like(await site.server.caughtUp('web'), { applied: LINES, rejected: 0, balanced: true });
  const counts = 'SELECT count(*), count(DISTINCT query) FROM web';
  t.deepEqual((await sql(site, counts, { position: told?.position ?? '' })).rows[0]?.map(Number), [
    LINES,
    LINES,
  ]);
});
