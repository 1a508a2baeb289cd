import test from 'ava';
import { scriptTagOf } from '../../../src/dashboard/overview/script-tag.ts';
import type { Session } from '../../../src/dashboard/server/session.ts';

const SESSION: Session = {
  version: '1',
  ingestUrl: 'http://events.example.com:8080',
  needsKey: false,
  access: null,
};

test('the line names the server, and a key and a stream where there is one', (t) => {
  const src = 'src="http://events.example.com:8080/client.js"';
  t.is(scriptTagOf(SESSION, 'h', 'events'), `<script ${src} async></script>`);
  t.is(
    scriptTagOf({ ...SESSION, needsKey: true }, 'h', 'a"b'),
    `<script ${src} data-key="KEY" data-stream="a&quot;b" async></script>`,
  );
});
