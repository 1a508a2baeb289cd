import { createServer, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../src/model/clock.ts';
import { KafkaCluster, type Topic } from '../../../storage/kafka/cluster.ts';
import { BatchProducer } from '../../../storage/kafka/producer.ts';
import { Appends } from '../../../storage/kafka/round.ts';
import { testBlock } from '../log/blocks.ts';

/** Brokers that take connections and answer nothing. */
async function hangingBrokers(t: ExecutionContext, count: number): Promise<string[]> {
  const sockets: Socket[] = [];
  const servers = Array.from({ length: count }, () =>
    createServer((socket) => sockets.push(socket.on('error', () => undefined))),
  );
  t.teardown(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });
  return Promise.all(
    servers.map(
      (server) =>
        new Promise<string>((resolve) => {
          server.listen(0, '127.0.0.1', () => {
            const at = server.address();
            resolve(`127.0.0.1:${typeof at === 'object' ? at?.port : at}`);
          });
        }),
    ),
  );
}

function producerOf(
  t: ExecutionContext,
  brokers: readonly string[],
  look?: () => Promise<Topic>,
): BatchProducer {
  const connection = { brokers: [...brokers] };
  const cluster = new KafkaCluster(connection);
  t.teardown(() => cluster.close());
  const log = { connection, topic: 'events', id: 'c/t', offsetBase: 0 };
  const asked = async (signal?: AbortSignal) => {
    const found = await cluster.topic('events', signal);
    if (found === undefined) throw new Error('no topic');
    return found;
  };
  return new BatchProducer(cluster, log, { look: look ?? asked }, systemClock, 100);
}

function batches() {
  const appends = new Appends();
  appends.push([testBlock()]).catch(() => undefined);
  return appends.nextRound();
}

const topicOf = (partitions: Topic['partitions']): Topic => ({
  ...{ name: 'events', id: 't', clusterId: 'c' },
  partitions,
});

test('batches are given up in time, however many brokers hang', async (t) => {
  const brokers = await hangingBrokers(t, 2);
  const sending = producerOf(t, brokers).send(batches(), () => t.fail());
  const { message } = await t.throwsAsync(sending);
  t.true(message.endsWith('no answer within 100 ms'), message);
});

test('a topic that takes nothing says which partition and why', async (t) => {
  const led = { leader: 1, inSync: 2 };
  const check = (partitions: Topic['partitions']) =>
    producerOf(t, [], async () => topicOf(partitions)).check(2);
  await t.notThrowsAsync(check([led, led]));
  await t.throwsAsync(check([led, { leader: -1, inSync: 2 }]), {
    message: 'partition 1 has no leader',
  });
  await t.throwsAsync(check([{ leader: 1, inSync: 1 }, led]), {
    message: 'partition 0 has 1 of 2 replicas in sync',
  });
});
