/** The thread that reads topics of other programs: all sources of the server, each at its own pace. What it is given is `SourcesThreadData`. */
import { parentPort, workerData } from 'node:worker_threads';
import { attachLogShared } from '../../storage/log/log-shared.ts';
import { connectLogWriter } from '../../storage/log/remote.ts';
import { Producer } from '../ingest/producer.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import { Source } from '../sources/source.ts';
import { answerOf } from './asker.ts';
import type { FromSources, SourcesThreadData, ToSources } from './sources-protocol.ts';

if (parentPort === null) throw new Error('the thread of the sources is a worker thread');
const main = parentPort;
const data: SourcesThreadData = workerData;
const { partitions, limits, pendingBytesMax, logId } = data;

const clock = systemClock;
const logger = createLogger({ ...data.logging, thread: 'sources' });
const log = connectLogWriter({
  port: data.log,
  shared: attachLogShared(data.shared),
  pendingBytesMax,
});
const producer = new Producer({
  id: data.producerId,
  epoch: data.producerEpoch,
  partitions,
  clock,
});
const sources = data.sources.map(
  (options) => new Source(options, { log, logId, producer, partitions, limits, clock, logger }),
);

main.on('message', (message: ToSources) => {
  switch (message.type) {
    case 'ask':
      void answerOf(message.id, async () => sources.map((source) => source.status())).then(tell);
      break;
    case 'close':
      void close();
      break;
    default:
      assertNever(message);
  }
});

async function close(): Promise<void> {
  await Promise.all(sources.map((source) => source.close()));
  await log.close();
  logger.flush();
  tell({ type: 'closed' });
}

function tell(message: FromSources): void {
  main.postMessage(message);
}
