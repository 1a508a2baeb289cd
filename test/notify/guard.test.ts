import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import test from 'ava';
import { type AddressRefused, createGuard } from '../../src/notify/guard.ts';
import { listen, serve, webhookOf } from './stage.ts';
import { sendBy } from './webhook-sending.ts';

/** Answers with these addresses, one list a question; counts the questions. */
function resolver(
  ...answers: (readonly string[])[]
): LookupFunction & { readonly asked: string[] } {
  const asked: string[] = [];
  const resolve: LookupFunction = (host, _, done) => {
    const addresses = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(host);
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
  };
  return Object.assign(resolve, { asked });
}

const never = new AbortController().signal;

for (const host of [
  '127.0.0.1',
  '[::1]',
  '::ffff:127.0.0.1',
  '169.254.169.254',
  '[64:ff9b::7f00:1]',
]) {
  test(`a literal ${host} is refused`, async (t) => {
    const guard = createGuard([], resolver(['1.1.1.1']));
    await t.throwsAsync(guard.connect(host, 80, never), { name: 'AddressRefused' });
  });
}

for (const host of ['2130706433', '0177.0.0.1', '0x7f.1', '127.1', '0', 'localhost']) {
  test(`"${host}" is refused by what the system's resolver makes of it`, async (t) => {
    await t.throwsAsync(createGuard([], lookup).connect(host, 80, never));
  });
  test(`http://${host}/ reaches no server of this machine`, async (t) => {
    const { port, received } = await serve(t, (_, response) => response.end());
    const { attempt } = await sendBy(
      webhookOf({ url: `http://${host}:${port}/`, allowNetworks: [] }),
    );
    t.is(attempt.outcome, 'refused', attempt.detail);
    t.deepEqual(received, []);
  });
}

test("one refused address among a name's addresses refuses the name", async (t) => {
  const told: AddressRefused[] = [];
  const guard = createGuard([], resolver(['1.1.1.1', '10.0.0.1']), (refusal) => told.push(refusal));
  await t.throwsAsync(guard.connect('mixed.example', 80, never), {
    message:
      'mixed.example leads to an address that is not allowed; allowNetworks of the receiver would have to name it',
  });
  t.like(told, { 0: { host: 'mixed.example', address: '10.0.0.1', kind: 'private' }, length: 1 });
});

test('a name without addresses is an error', async (t) => {
  await t.throwsAsync(createGuard([], resolver([])).connect('none.example', 80, never), {
    message: 'none.example has no address',
  });
});

test('an allowed network is connected to', async (t) => {
  const port = await listen(t, (socket) => socket.end());
  const guard = createGuard(['127.0.0.0/8'], resolver(['127.0.0.1']));
  const socket = await guard.connect('inside.example', port, never);
  t.is(socket.remoteAddress, '127.0.0.1');
  socket.destroy();
});

test('a name that changes to 127.0.0.1 is refused at the next message: no connection is kept', async (t) => {
  const { port, received } = await serve(t, (_, response) => response.end('ok'), '127.0.0.2');
  // The test's own "outside" is 127.0.0.2; 127.0.0.1 is what the name may not become.
  const resolve = resolver(['127.0.0.2'], ['127.0.0.1']);
  const receiver = webhookOf({
    url: `http://rebound.example:${port}/`,
    allowNetworks: ['127.0.0.2'],
  });
  const first = await sendBy(receiver, { resolve });
  const second = await sendBy(receiver, { resolve });
  t.is(first.attempt.outcome, 'delivered', first.attempt.detail);
  t.is(received[0]?.headers.connection, 'close');
  t.like(second.attempt, { outcome: 'refused' });
  t.regex(second.attempt.detail, /^rebound\.example leads to an address that is not allowed/);
  t.notRegex(second.attempt.detail, /127|loopback/);
  t.is(received.length, 1);
  t.is(resolve.asked.length, 2);
});

test('an aborted connect ends', async (t) => {
  const abort = new AbortController();
  const hanging: LookupFunction = () => {};
  const connecting = createGuard([], hanging).connect('slow.example', 80, abort.signal);
  abort.abort(new Error('enough'));
  await t.throwsAsync(connecting);
});
