/** The example that documentation sends people to, against our own sender. */
import type { AddressInfo } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createReceiver } from '../../deploy/webhook-receiver.ts';
import { notificationOf, OTHER_SECRET, SECRET, webhookOf } from '../notify/stage.ts';
import { sendBy } from '../notify/webhook-sending.ts';

async function listening(t: ExecutionContext, take: (message: unknown) => void): Promise<string> {
  const server = createReceiver(SECRET, take);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

test('a signed message is taken, once whatever is sent again', async (t) => {
  const taken: unknown[] = [];
  const url = await listening(t, (message) => taken.push(message));
  const receiver = webhookOf({ url, secrets: [SECRET] });
  const options = { nowMs: Date.now() };
  const answers = [
    await sendBy(receiver, options),
    await sendBy(receiver, options),
    await sendBy(receiver, { ...options, notification: notificationOf({ id: 'msg_2' }) }),
  ];
  t.deepEqual(
    answers.map(({ attempt }) => attempt.status),
    [204, 204, 204],
  );
  t.is(taken.length, 2);
});

test('what is signed by another, unsigned or old is refused and not taken', async (t) => {
  const taken: unknown[] = [];
  const url = await listening(t, (message) => taken.push(message));
  const nowMs = Date.now();
  const answers = [
    await sendBy(webhookOf({ url, secrets: [OTHER_SECRET] }), { nowMs }),
    await sendBy(webhookOf({ url }), { nowMs }),
    await sendBy(webhookOf({ url, secrets: [SECRET] }), { nowMs: nowMs - 600_000 }),
  ];
  t.deepEqual(
    answers.map(({ attempt }) => attempt.detail),
    [
      'HTTP 401: No matching signature found',
      'HTTP 401: No matching signature found',
      'HTTP 401: Message timestamp too old',
    ],
  );
  t.deepEqual(taken, []);
});

test('a message whose work fails is taken when it comes again', async (t) => {
  let tries = 0;
  const url = await listening(t, () => {
    tries += 1;
    if (tries === 1) throw new Error('the database is away');
  });
  const receiver = webhookOf({ url, secrets: [SECRET] });
  const nowMs = Date.now();
  t.is((await sendBy(receiver, { nowMs })).attempt.status, 500);
  t.is((await sendBy(receiver, { nowMs })).attempt.status, 204);
  t.is(tries, 2);
});
