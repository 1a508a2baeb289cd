import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { packControl } from '../../src/model/block.ts';
import { decodePositions } from '../../src/model/positions.ts';
import type { Question } from '../../src/threads/asker.ts';
import type { EdgeThreadData, FromEdge, ToEdge } from '../../src/threads/edge-protocol.ts';
import { createProgress, publishApplied } from '../../src/threads/progress.ts';
import type { PartitionQuestions } from '../../src/threads/protocol.ts';
import { createLogShared } from '../../storage/log/log-shared.ts';
import { connectLogWriter } from '../../storage/log/remote.ts';
import { freePort } from '../free-port.ts';
import { headThenGet } from '../head-then-get.ts';
import { send } from '../ingest/send.ts';
import { LIMITS } from '../ingest/start-edge.ts';

const BODY = '{"type":"a","id":"1"}\n{"type":"a","id":"2"}\n{"type":"a","id":"1"}\n';

test('an edge thread owns the journal, and another edge and the main thread append through it', async (t) => {
  const { start, tell, shared, partition } = await setUp(t);
  const first = await start(0, 0, { type: 'journal', dir: await directory(t), durableBefore: 0 });
  t.deepEqual(first.listening.recovery?.end, 0);
  const link = new MessageChannel();
  tell(first, { type: 'serveLog', port: link.port1 }, [link.port1]);
  const secondPort = await freePort();
  const second = await start(1, secondPort, { type: 'remote', port: link.port2 }, [link.port2]);
  for (const { port } of [first.listening, second.listening]) {
    const answer = await send(port, { body: BODY });
    t.is(answer.status, 200, answer.text);
  }

  const control = new MessageChannel();
  tell(first, { type: 'serveLog', port: control.port1 }, [control.port1]);
  const writer = connectLogWriter({ port: control.port2, shared });
  const header = { partition: 0, arrivalMs: 1, producerId: 9, producerEpoch: 1, sequence: 1 };
  const [logged] = await writer.append([packControl(header, { type: 'setRollups' })]);
  t.true(Number(logged) > 0);
  await writer.close();

  // Applied is when the partition says so; what it dropped is in the answer.
  partition.answerVerdicts(1);
  const asking = send(first.listening.port, { path: '/v1/events?ack=applied', body: BODY });
  const applying = setInterval(() => partition.apply(shared.partitionEnds[0] as number), 5);
  const answer = await asking;
  clearInterval(applying);
  t.like(answer.json, { accepted: 3, applied: true, duplicates: 1 });
  const position = decodePositions(String(answer.json['position']))?.get(0);
  t.is(Number(position), Number(shared.partitionEnds[0]));

  for (const edge of [second, first]) t.deepEqual(await edge.close(), [{ type: 'closed' }, 0]);
});

test('HEAD is answered as GET is, without the body', async (t) => {
  const { start } = await setUp(t);
  const edge = await start(0, 0, { type: 'journal', dir: await directory(t), durableBefore: 0 });
  const { port } = edge.listening;
  for (const path of ['/healthz', '/no/such/path']) {
    const text = await headThenGet(port, path, '}');
    const [head, again] = text.split('HTTP/1.1 ').slice(1);
    t.regex(head ?? '', /^\d+ [^{]*\r\n\r\n$/, path);
    t.is(again?.slice(0, 3), head?.slice(0, 3), path);
  }
  t.deepEqual(await edge.close(), [{ type: 'closed' }, 0]);
});

test('readiness follows what the main thread says, health does not', async (t) => {
  const { start, tell } = await setUp(t);
  const edge = await start(0, 0, { type: 'journal', dir: await directory(t), durableBefore: 0 });
  const { port } = edge.listening;
  const get = (path: string) => send(port, { method: 'GET', path });
  t.is((await get('/healthz')).status, 200);
  t.like(await get('/readyz'), { status: 503, json: { reason: 'the server is starting' } });
  tell(edge, { type: 'ready' });
  await edge.counts();
  t.is((await get('/readyz')).status, 200);
  t.deepEqual(await edge.close(), [{ type: 'closed' }, 0]);
});

test('a port that is taken is a fault with a reason, not a shared port', async (t) => {
  const { start, launch } = await setUp(t);
  const dir = await directory(t);
  const edge = await start(0, 0, { type: 'journal', dir, durableBefore: 0 });
  const other = launch(0, edge.listening.port, {
    type: 'journal',
    dir: await directory(t),
    durableBefore: 0,
  });
  const message = await other.next();
  t.is(message.type, 'failed');
  t.like(message, { fault: { code: 'listen_failed' } });
  t.is(await other.exited, 1);
  await edge.close();
});

test('a bug ends the thread, not the process', async (t) => {
  const { start, tell } = await setUp(t);
  const edge = await start(0, 0, { type: 'journal', dir: await directory(t), durableBefore: 0 });
  await send(edge.listening.port, { body: BODY });
  tell(edge, JSON.parse('{"type":"unheard of"}'));
  t.like(await edge.next(), { type: 'failed' });
  t.is(await edge.exited, 1);
});

async function setUp(t: ExecutionContext) {
  const shared = createLogShared(1);
  const progress = createProgress(1);
  const channels: MessageChannel[] = [];

  const launch = (
    edgeId: number,
    port: number,
    log: EdgeThreadData['log'],
    transfer: MessagePort[] = [],
  ) => {
    const toPartition = new MessageChannel();
    channels.push(toPartition);
    const data: EdgeThreadData = {
      edgeId,
      options: {
        host: '127.0.0.1',
        port,
        corsOrigins: ['*'],
        trustedProxies: [],
        keys: [],
        limits: LIMITS,
        edges: 2,
        partitions: 1,
      },
      logging: { level: 'silent', format: 'json', thread: `edge/${edgeId}` },
      producerEpoch: 1,
      shared: shared.buffer,
      progress: progress.buffer,
      partitionThreads: [{ port: toPartition.port2, partitions: [0] }],
      log,
    };
    const worker = new Worker(new URL('../../src/threads/edge.ts', import.meta.url), {
      workerData: data,
      transferList: [toPartition.port2, ...transfer],
    });
    const next = () => new Promise<FromEdge>((resolve) => worker.once('message', resolve));
    const exited = new Promise<number>((resolve) => worker.once('exit', resolve));
    worker.once('error', (error) => t.fail(String(error)));
    const ask = async (message: ToEdge) => {
      const answer = next();
      worker.postMessage(message);
      return answer;
    };
    const close = async () => [await ask({ type: 'close' }), await exited] as const;
    return { worker, next, exited, close, counts: () => ask({ type: 'counts', id: 1 }) };
  };

  const start = async (...args: Parameters<typeof launch>) => {
    const edge = launch(...args);
    const listening = await edge.next();
    if (listening.type !== 'listening') throw new Error(JSON.stringify(listening));
    return { ...edge, listening };
  };

  const partition = {
    apply: (offset: number) => publishApplied(shared, progress, 0, offset),
    answerVerdicts(dropped: number) {
      for (const { port1 } of channels) {
        port1.on('message', ({ id }: Question<PartitionQuestions>) =>
          port1.postMessage({ type: 'answer', id, ok: true, answer: dropped }),
        );
      }
    },
  };
  t.teardown(() => {
    for (const { port1 } of channels) port1.close();
  });
  const tell = (edge: { worker: Worker }, message: ToEdge, transfer: MessagePort[] = []) =>
    edge.worker.postMessage(message, transfer);
  return { start, launch, tell, shared, partition };
}

async function directory(t: ExecutionContext): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'streamgauge-edge-thread-'));
  t.teardown(() => rm(dir, { recursive: true }));
  return dir;
}
