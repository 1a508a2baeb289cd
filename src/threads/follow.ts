/**
 * The thread that follows the log: reads what partitions commit, once for all who follow. It is started at the first of them
 * and ends soon after the last. What it is given is `FollowThreadData`.
 */
import { setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { Follower } from '../../actors/follow/follower.ts';
import { LOOK_INTERVAL_MS } from '../../actors/follow/limits.ts';
import { LogEnd } from '../../actors/follow/log-end.ts';
import { ownVoucher } from '../../actors/partition/voucher.ts';
import { attachLogShared } from '../../storage/log/log-shared.ts';
import { logReaders } from '../../storage/log/source.ts';
import { attachState } from '../../storage/state/rocksdb.ts';
import { createLogger } from '../logging.ts';
import { systemClock } from '../model/clock.ts';
import { assertNever } from '../model/result.ts';
import { AskedState } from './asked-state.ts';
import { answerOf } from './asker.ts';
import type { FollowQuestions, FollowThreadData, FromFollow, ToFollow } from './follow-protocol.ts';
import { attachProgress } from './progress.ts';

if (parentPort === null) throw new Error('the thread that follows the log is a worker thread');
const main = parentPort;
const data: FollowThreadData = workerData;

/** Behind taking events in, before bringing them to the archive. */
const PRIORITY = 5;

setPriority(PRIORITY);
main.on('message', (message: ToFollow) => {
  switch (message.type) {
    case 'ask':
      void answerOf(message.id, () => follow(message.ask)).then(tell);
      break;
    case 'taken':
      followers.get(message.reader)?.taken();
      break;
    case 'left':
      void leave(message.reader);
      break;
    case 'close':
      void close();
      break;
    default:
      assertNever(message);
  }
});

const log = createLogger({ ...data.logging, thread: 'follow' });
const shared = attachLogShared(data.shared);
const progress = attachProgress(data.progress);
/** By their readers' numbers. */
const followers = new Map<number, Follower>();
const opened = open();
let isClosing = false;
const looking = looks();

async function open(): Promise<LogEnd> {
  const local = await attachState(data.state);
  const elsewhere = data.elsewhere && new AskedState(data.elsewhere, local, progress);
  return new LogEnd({
    openReader: await logReaders(data.source, shared),
    state: elsewhere ?? local,
    voucher: elsewhere?.voucher ?? ownVoucher,
    committed: () => [...progress.committed],
    now: () => systemClock.now(),
  });
}

/** Something else wrong than a log that was shortened ends the thread, and whoever follows begins anew. */
async function looks(): Promise<void> {
  const logEnd = await opened;
  while (!isClosing) {
    await logEnd.look();
    await sleep(LOOK_INTERVAL_MS);
  }
}

async function follow({ reader, question }: FollowQuestions['follow']['ask']): Promise<undefined> {
  const logEnd = await opened;
  const follower = new Follower(
    question,
    { random: Math.random, tell: (message) => tell({ type: 'followed', reader, message }) },
    systemClock.now(),
  );
  followers.set(reader, follower);
  logEnd.add(follower);
  log.debug({ tenant: question.tenant, stream: question.stream }, 'a stream is followed');
  return undefined;
}

/** Behind `follow`, which waits for the same: who gave up while the thread was starting must not stay. */
async function leave(reader: number): Promise<void> {
  const logEnd = await opened;
  const follower = followers.get(reader);
  followers.delete(reader);
  if (follower !== undefined) logEnd.remove(follower);
}

async function close(): Promise<void> {
  isClosing = true;
  await looking;
  tell({ type: 'closed' });
}

function tell(message: FromFollow): void {
  main.postMessage(message);
}
