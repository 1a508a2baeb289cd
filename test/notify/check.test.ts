import test from 'ava';
import { checkReceiver } from '../../src/notify/check.ts';
import { consoleOf, OTHER_SECRET, SECRET, webhookOf } from './stage.ts';

const pathsOf = (receiver: Parameters<typeof checkReceiver>[0]): string[] =>
  checkReceiver(receiver).map(({ path }) => path.join(' '));

test('a receiver that is well has no problems', (t) => {
  const headers = { 'X-Team': '{{commonLabels.team}}', Authorization: 'Bearer x' };
  const secrets = [SECRET, OTHER_SECRET];
  t.deepEqual(
    pathsOf(webhookOf({ url: 'https://hooks.example/x', headers, secrets, body: '{{json id}}' })),
    [],
  );
  t.deepEqual(pathsOf(consoleOf()), []);
});

test('an address of another protocol, or none, is a problem', (t) => {
  for (const url of [
    'ftp://x/',
    'file:///etc/passwd',
    'hooks.example',
    '',
    'http://',
    'http://%zz@x/',
  ]) {
    t.deepEqual(pathsOf(webhookOf({ url })), ['url'], url);
  }
});

test("headers of the connection and of the signature are the server's own", (t) => {
  const headers = { 'Webhook-Id': 'x', Host: 'x', 'Content-Length': '1', 'a b': 'x', '': 'x' };
  t.deepEqual(
    pathsOf(webhookOf({ headers })),
    Object.keys(headers).map((name) => `headers ${name}`),
  );
});

test("a template's problem comes with its place", (t) => {
  t.deepEqual(checkReceiver(webhookOf({ headers: { 'X-A': 'a{{' }, body: '\n {{/if}}' })), [
    {
      path: ['headers', 'X-A'],
      message: '"{{" without "}}"; the text itself is written {{"{{"}}',
      ...{ line: 1, column: 2 },
    },
    { path: ['body'], message: '{{/if}} closes nothing', line: 2, column: 2 },
  ]);
});

test('a secret has 24 to 64 bytes in base64 behind whsec_', (t) => {
  const of = (bytes: number) => `whsec_${Buffer.alloc(bytes, 1).toString('base64')}`;
  const secrets = [
    of(24),
    of(64),
    of(23),
    of(65),
    SECRET.slice(6),
    'whsec_not base64',
    of(25).slice(0, -1),
  ];
  t.deepEqual(
    pathsOf(webhookOf({ secrets })),
    [2, 3, 4, 5, 6].map((index) => `secrets ${index}`),
  );
});

test('a network that is none is named', (t) => {
  t.deepEqual(pathsOf(webhookOf({ allowNetworks: ['10.0.0.0/8', 'intranet'] })), [
    'allowNetworks 1',
  ]);
});
