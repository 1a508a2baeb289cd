/** Reads one partition in a thread of its own and posts each sequence number. */
import { parentPort, workerData } from 'node:worker_threads';
import { offset } from '../../../src/model/units.ts';
import { openJournalReader } from '../../../storage/log/journal-reader.ts';
import { attachLogShared } from '../../../storage/log/log-shared.ts';
import { sequenceOf } from './blocks.ts';

interface Start {
  readonly dir: string;
  readonly buffer: SharedArrayBuffer;
  readonly partition: number;
}

const { dir, buffer, partition } = workerData as Start;
// A waiting read does not keep a thread alive, a port that is listened to does.
parentPort?.on('message', () => undefined);
const reader = openJournalReader({
  dir,
  shared: attachLogShared(buffer),
  from: new Map([[partition, offset(0)]]),
});
const first = reader.read(1 << 20);
parentPort?.postMessage('waiting');
for (let read = await first; ; read = await reader.read(1 << 20)) {
  for (const block of read.blocks) parentPort?.postMessage(sequenceOf(block.bytes));
}
