import { MessageChannel, type MessagePort } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import type { Question } from '../../src/threads/asker.ts';
import { answerOf } from '../../src/threads/asker.ts';
import { VisitLink } from '../../src/threads/visit-link.ts';
import type { WebQuestions } from '../../src/threads/web-protocol.ts';
import { hitOf } from '../web/hits.ts';

const FIELDS = { browser: 'Firefox', bot: false };
const LINES = [{ tenant: 'acme', stream: 'events', ndjson: '{}', hits: 1 }];

/** The other end of the link, which answers everything or, `silent`, nothing. */
function connect(t: ExecutionContext, link: VisitLink, silent = false): MessagePort {
  const { port1, port2 } = new MessageChannel();
  link.connect(port1);
  t.teardown(() => port2.close());
  port2.on('message', async ({ id, name }: Question<WebQuestions>) => {
    if (!silent)
      port2.postMessage(await answerOf(id, async () => (name === 'fields' ? FIELDS : LINES)));
  });
  return port2;
}

test('without a thread events wait for nobody, and hits for a thread', async (t) => {
  const link = new VisitLink();
  t.is(await link.fieldsOf(hitOf()), undefined);
  const lines = link.linesOf([hitOf()]);
  connect(t, link);
  t.deepEqual(await lines, LINES);
  t.deepEqual(await link.fieldsOf(hitOf()), FIELDS);
});

test('what a thread was asked as it ended has no answer; the next thread is asked anew', async (t) => {
  const link = new VisitLink();
  const port = connect(t, link, true);
  const asked = [link.fieldsOf(hitOf()), link.linesOf([hitOf()])];
  port.close();
  t.deepEqual(await Promise.all(asked), [undefined, undefined]);
  t.is(await link.fieldsOf(hitOf()), undefined);
  connect(t, link);
  t.deepEqual(await link.fieldsOf(hitOf()), FIELDS);
});
