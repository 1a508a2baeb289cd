import { MessageChannel } from 'node:worker_threads';
import test, { type ExecutionContext } from 'ava';
import { isFault } from '../../../src/model/errors.ts';
import { offset } from '../../../src/model/units.ts';
import type { LogWriter } from '../../../storage/log/log.ts';
import { logEnd } from '../../../storage/log/log-shared.ts';
import { connectLogWriter, serveLogWriter } from '../../../storage/log/remote.ts';
import { eventLogContract } from '../../contract/event-log.ts';
import { testBlock } from './blocks.ts';
import { faultyDisk, systemError } from './faulty-disk.ts';
import { scratchDir, scratchJournal, sequences } from './scratch.ts';

async function connected(t: ExecutionContext, options = {}, pendingBytesMax = 1 << 20) {
  const dir = await scratchDir(t);
  const { journal, shared } = await scratchJournal(t, { dir, ...options });
  const { port1, port2 } = new MessageChannel();
  serveLogWriter(journal.writer, port1);
  const writer = connectLogWriter({ port: port2, shared, pendingBytesMax });
  t.teardown(() => writer.close());
  return { journal, shared, writer, serverPort: port1, dir };
}

eventLogContract('journal through a port', async (t) => {
  const { journal, writer, dir } = await connected(t);
  return {
    log: { writer, openReader: journal.openReader },
    reopen: async () => {
      await journal.writer.close();
      return (await scratchJournal(t, { dir })).journal;
    },
  };
});

test('what is spooled has no offsets through a port either', async (t) => {
  const { journal, shared } = await scratchJournal(t, { dir: await scratchDir(t) });
  const { port1, port2 } = new MessageChannel();
  const spooling: LogWriter = {
    pendingBytes: 0,
    refusal: undefined,
    append: async () => 'spooled',
    deleteBefore: (before) => journal.writer.deleteBefore(before),
    close: async () => {},
  };
  serveLogWriter(spooling, port1);
  const writer = connectLogWriter({ port: port2, shared });
  t.teardown(() => writer.close());
  t.is(await writer.append([testBlock({ sequence: 1 })]), 'spooled');
  t.is(await writer.deleteBefore(offset(0)), offset(0));
});

test('a block in memory of its own moves, one in shared memory is copied', async (t) => {
  const { journal, writer, shared } = await connected(t);
  const own = testBlock({ sequence: 1 });
  const two = new Uint8Array(own.length * 2);
  two.set(testBlock({ sequence: 2 }), 0);
  two.set(testBlock({ sequence: 3 }), own.length);
  await writer.append([own, two.subarray(0, own.length), two.subarray(own.length)]);
  t.is(own.length, 0);
  t.true(two.length > 0);
  t.deepEqual(await sequences(journal, 0, logEnd(shared, 0) ?? offset(0)), [1, 2, 3]);
});

test('errors keep their code, and the refusal is known without asking', async (t) => {
  const disk = faultyDisk();
  const { writer } = await connected(t, { disk });
  disk.before.syncData = () => {
    throw systemError('EIO');
  };
  t.true(isFault(await t.throwsAsync(writer.append([testBlock()])), 'log_io'));
  t.is(writer.refusal, 'log_io');
});

test('what waits for an answer is bounded', async (t) => {
  const { writer } = await connected(t, {}, 300);
  const first = writer.append([testBlock()]);
  t.true(isFault(await t.throwsAsync(writer.append([testBlock()])), 'log_backpressure'));
  await first;
  t.is(writer.pendingBytes, 0);
});

test('when the serving thread is gone, what it had not answered is unknown', async (t) => {
  const { writer, serverPort } = await connected(t);
  serverPort.close();
  t.true(isFault(await t.throwsAsync(writer.append([testBlock()])), 'log_io'));
  t.is(writer.refusal, 'log_closed');
});
