import { connect } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { FRAME_CREDIT } from '../../src/ingest/limits.ts';
import { type AccessKey, hashSecret, type Scope } from '../../src/model/access.ts';
import {
  BAD_INPUT,
  type BadInput,
  BODY_BYTES_MAX,
  READ_KEY,
  WRITE_KEY,
} from './bad-input-table.ts';
import { type Answer, answerOn, head, send } from './send.ts';
import { startTestEdge } from './start-edge.ts';

const key = (id: string, secret: string, scope: Scope): AccessKey => ({
  id,
  tenant: 'acme',
  scopes: [scope],
  hash: hashSecret(secret),
});
const keys = [key('writer', WRITE_KEY, 'write'), key('reader', READ_KEY, 'read')];
const authorization = `Bearer ${WRITE_KEY}`;

test('bad input gets its status and code, and a second client does not notice', async (t) => {
  const limits = { bodyBytesMax: BODY_BYTES_MAX };
  const { port, edge, blocks } = await startTestEdge(t, { keys, limits });
  const neighbour = startNeighbour(port);
  const wrong: string[] = [];
  for (const row of BAD_INPUT) {
    const before = neighbour.answered();
    const answer = await send(port, { ...row, headers: { authorization, ...row.headers } });
    const isAsSaid = row.said?.test(messageOf(answer)) ?? true;
    if (!isDeepStrictEqual(summary(answer), expected(row)) || !isAsSaid)
      wrong.push(`${row.name}: ${answer.text}`);
    await neighbour.answeredMoreThan(before);
  }
  const statuses = await neighbour.stop();
  t.deepEqual(wrong, []);
  t.deepEqual(new Set(statuses), new Set([200]));
  t.false('polluted' in {});
  const { eventsAccepted } = edge.counts();
  const logged = (await blocks()).reduce(
    (sum, { received, rejected }) => sum + received - rejected,
    0,
  );
  t.is(logged, eventsAccepted, 'what was accepted is in the log, exactly');
});

test('a body that dribbles in gets 408, and a second client does not notice', async (t) => {
  const { port } = await startTestEdge(t, { limits: { bodyTimeoutMs: 1_200 } });
  const neighbour = startNeighbour(port);
  const socket = connect(port, '127.0.0.1');
  socket.write(head({ headers: { 'content-length': '1000' } }));
  const dribble = setInterval(() => socket.write(' '), 50);
  socket.on('close', () => clearInterval(dribble));
  const answer = await answerOn(socket);
  t.is(answer.status, 408);
  t.like(answer.json, { error: { code: 'body_timeout', limit: 1_200 } });
  t.deepEqual(new Set(await neighbour.stop()), new Set([200]));
});

test('a sender that leaves in the middle of its body leaves nothing behind', async (t) => {
  const { port, edge, blocks } = await startTestEdge(t);
  const socket = connect(port, '127.0.0.1');
  socket.write(head({ headers: { 'content-length': '100000' } }));
  socket.write('{"type":"half"}\n');
  while (edge.counts().bodyMemoryBytes === 0) await send(port, { body: '{"type":"a"}' });
  socket.destroy();
  while (edge.counts().requestsInProgress > 0) await new Promise(setImmediate);
  t.is(edge.counts().bodyMemoryBytes, 0);
  t.true((await blocks()).every(({ rows, received }) => rows === 1 && received === 1));
});

test('60 sockets full of refused lines in one round, and a second client is served', async (t) => {
  const durable = Promise.withResolvers<void>();
  const { port, edge, blocks } = await startTestEdge(t, {
    log: (log) => ({
      refusal: undefined,
      append: (all) => durable.promise.then(() => log.append(all)),
    }),
  });
  const lines = 100;
  const sockets = Array.from({ length: 60 }, () => new WebSocket(`ws://127.0.0.1:${port}/v1/ws`));
  t.teardown(() => {
    for (const socket of sockets) socket.close();
  });
  for (const socket of sockets) {
    socket.addEventListener('open', () => {
      for (let i = 0; i < FRAME_CREDIT; i++) socket.send('x\n'.repeat(lines));
    });
  }
  const frames = sockets.length * FRAME_CREDIT;
  while (edge.counts().frames < frames) await new Promise(setImmediate);
  durable.resolve();
  t.is((await send(port, { body: '{"type":"a"}' })).status, 200);
  const rejected = (await blocks()).reduce((sum, block) => sum + block.rejected, 0);
  t.is(rejected, frames * lines);
});

/** A well-behaved client that sends one event after the other, meanwhile. */
function startNeighbour(port: number) {
  const statuses: number[] = [];
  let isRunning = true;
  let wake = () => {};
  const socket = connect(port, '127.0.0.1');
  const body = '{"type":"neighbour"}\n';
  const run = async () => {
    while (isRunning) {
      socket.write(head({ headers: { authorization }, body }) + body);
      statuses.push((await answerOn(socket)).status);
      wake();
    }
    socket.destroy();
    return statuses;
  };
  const running = run();
  const answered = () => statuses.length;
  return {
    answered,
    /** Resolves when it has had more answers than that. */
    answeredMoreThan: async (count: number) => {
      while (answered() <= count) await new Promise<void>((resolve) => (wake = resolve));
    },
    stop: () => {
      isRunning = false;
      return running;
    },
  };
}

interface Summary {
  readonly status: number;
  readonly code: unknown;
  readonly line: unknown;
  readonly accepted: unknown;
}

const expected = ({ status, code, line, accepted }: BadInput): Summary => ({
  status,
  code,
  line,
  accepted,
});

/** Of the request, or of its first refused line. */
function messageOf({ json }: Answer): string {
  const [first] = (json['errors'] ?? []) as { message: string }[];
  return ((json['error'] as { message: string } | undefined) ?? first)?.message ?? '';
}

function summary({ status, json }: Answer): Summary {
  const error = json['error'] as { code: string } | undefined;
  const [first] = (json['errors'] ?? []) as { line: number; code: string }[];
  return {
    status,
    code: error?.code ?? first?.code,
    line: first?.line,
    accepted: json['accepted'],
  };
}
