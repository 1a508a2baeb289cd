import { createServer } from 'node:net';
import test from 'ava';
import { listenWhileStarting } from '../src/starting-listener.ts';
import { freePort } from './free-port.ts';
import { silent } from './storage/archive/silent.ts';

const host = '127.0.0.1';

test('while the server starts both addresses say that it lives, and what it is doing', async (t) => {
  const [ingestPort, queryPort] = [await freePort(), await freePort()];
  const listener = await listenWhileStarting({ listen: { host, ingestPort, queryPort } }, silent);
  t.teardown(() => listener.close());
  listener.say('half of it is here');
  for (const port of [ingestPort, queryPort]) {
    t.is((await fetch(`http://${host}:${port}/healthz`)).status, 200);
    const ready = await fetch(`http://${host}:${port}/readyz`);
    t.is(ready.status, 503);
    t.deepEqual(await ready.json(), { status: 'not ready', reason: 'half of it is here' });
    const events = await fetch(`http://${host}:${port}/v1/events`, { method: 'POST', body: '{}' });
    t.deepEqual([events.status, events.headers.get('retry-after')], [503, '5']);
  }
});

test('it lets go of its addresses at once, and of one that is taken it says nothing', async (t) => {
  const [ingestPort, queryPort] = [await freePort(), await freePort()];
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(queryPort, host, resolve));
  t.teardown(() => taken.close());
  const listener = await listenWhileStarting({ listen: { host, ingestPort, queryPort } }, silent);
  await fetch(`http://${host}:${ingestPort}/healthz`);
  await listener.close();
  await listener.close();
  const next = createServer();
  await new Promise<void>((resolve, reject) => {
    next.once('error', reject);
    next.listen(ingestPort, host, resolve);
  });
  t.teardown(() => next.close());
  t.pass();
});
