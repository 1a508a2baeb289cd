import test from 'ava';
import { Declarations } from '../actors/alarm-board/declarations.ts';
import { problemsOfReceiver } from '../src/alarm-port.ts';
import { readReceiver } from '../src/config/alarms.ts';
import type { Receiver } from '../src/model/notification.ts';

function receiver(kind: object): Receiver {
  const read = readReceiver({ name: 'r', ...kind }, 'acme');
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value;
}

test('a receiver that a tenant adds cannot reach into private networks', (t) => {
  const webhook = { url: 'https://example.org/x' };
  t.deepEqual(problemsOfReceiver(receiver({ webhook })), []);
  const opening = receiver({ webhook: { ...webhook, allowNetworks: ['10.0.0.0/8'] } });
  t.deepEqual(problemsOfReceiver(opening), [
    {
      path: 'webhook.allowNetworks',
      message: 'only the configuration may open private networks to a receiver',
    },
  ]);
});

test('a template that cannot be filled in is refused before it is needed', (t) => {
  const broken = receiver({ webhook: { url: 'https://example.org/x', body: '{{' } });
  t.deepEqual(
    problemsOfReceiver(broken).map(({ path }) => path),
    ['webhook.body'],
  );
});

test('only the configuration declares receivers that write files', (t) => {
  const config = {
    rules: [],
    receivers: [],
    routes: [],
    inhibitions: [],
    timeIntervals: [],
    externalUrl: '',
  };
  const declarations = new Declarations(config, { rules: [], receivers: [], routes: new Map() });
  const { tenant, name, kind } = receiver({ file: { path: '/tmp/alarms' } });
  t.is(declarations.problemsOfReceiver({ tenant, name }, kind)[0]?.path, 'file');
});
