/** Judged by the library that receivers use. */
import test from 'ava';
import { Webhook } from 'standardwebhooks';
import { signatureHeaders } from '../../src/notify/signature.ts';
import { OTHER_SECRET, SECRET } from './stage.ts';

const BODY = '{"text":"ö"}';
const verify = (secret: string, body: string, headers: Readonly<Record<string, string>>): unknown =>
  new Webhook(secret).verify(body, headers);

test('while a secret is replaced, holders of the old and of the new one accept', (t) => {
  const headers = signatureHeaders('msg_1', BODY, [SECRET, OTHER_SECRET], Date.now());
  t.deepEqual(verify(SECRET, BODY, headers), { text: 'ö' });
  t.deepEqual(verify(OTHER_SECRET, BODY, headers), { text: 'ö' });
});

test('another body, id, time or secret is refused', (t) => {
  const headers = signatureHeaders('msg_1', BODY, [SECRET], Date.now());
  const refused = { message: 'No matching signature found' };
  t.throws(() => verify(SECRET, `${BODY} `, headers), refused);
  t.throws(() => verify(SECRET, BODY, { ...headers, 'webhook-id': 'msg_2' }), refused);
  const earlier = String(Number(headers['webhook-timestamp']) - 1);
  t.throws(() => verify(SECRET, BODY, { ...headers, 'webhook-timestamp': earlier }), refused);
  t.throws(() => verify(OTHER_SECRET, BODY, headers), refused);
});

test('a message that was signed more than five minutes ago is refused', (t) => {
  const headers = signatureHeaders('msg_1', BODY, [SECRET], Date.now() - 301_000);
  t.throws(() => verify(SECRET, BODY, headers), { message: 'Message timestamp too old' });
});

test('without secrets there is an id and no signature', (t) => {
  t.deepEqual(signatureHeaders('msg_1', BODY, [], 1_700_000_000_999), {
    'webhook-id': 'msg_1',
    'webhook-timestamp': '1700000000',
  });
});
