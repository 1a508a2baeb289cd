/**
 * Preload (`node --import`) of a server under torture: notes how much of each file has been synced, so that the harness
 * can take away the rest, as a power cut would. A plain kill -9 cannot show a missing sync, because the page cache
 * survives it.
 *
 * A note is made after the sync has returned and before its caller learns of it, so it is never behind an
 * acknowledgement. It holds the length that a file had when its sync began.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { filesBelow } from '../process-usage.ts';
import { isWriteAheadLog, RECORDS_ENV, recordSynced, STATE_ENV } from './synced-lengths.ts';

const folder = process.env[RECORDS_ENV];
const stateFolder = process.env[STATE_ENV];
if (folder === undefined || stateFolder === undefined) {
  throw new Error(`expected ${RECORDS_ENV} and ${STATE_ENV} in the environment`);
}

type SyncCall = typeof fs.fsync;
type Native = Record<string, unknown>;

const recorded = (sync: SyncCall) => (fd: number, done: fs.NoParamCallback) => {
  const { ino, size } = fs.fstatSync(fd);
  sync(fd, (error) => {
    if (error === null || error === undefined) recordSynced(folder, ino, size);
    done(error);
  });
};
Object.assign(fs, { fsync: recorded(fs.fsync), fdatasync: recorded(fs.fdatasync) });
syncBuiltinESMExports();

/**
 * RocksDB syncs in its own code; what is seen of it is a batch that is written with `sync: true`. The length is taken after
 * it, because the batch itself is synced too; another thread's bytes that got in between count as synced with it.
 */
const loadNative = process.dlopen;
process.dlopen = (target: { exports: Native }, ...rest: [string, number?]) => {
  Reflect.apply(loadNative, process, [target, ...rest]);
  const { batch_write: write } = target.exports;
  if (typeof write !== 'function') return;
  target.exports['batch_write'] = (...args: readonly unknown[]) => {
    const answer: unknown = Reflect.apply(write, undefined, args);
    const options: unknown = args[2];
    const isSynced = typeof options === 'object' && options !== null && 'sync' in options;
    if (isSynced && options.sync === true) recordWriteAheadLogs();
    return answer;
  };
};

function recordWriteAheadLogs(): void {
  for (const path of filesBelow(stateFolder as string).filter(isWriteAheadLog)) {
    // RocksDB deletes old ones on threads of its own.
    const stats = fs.statSync(path, { throwIfNoEntry: false });
    if (stats !== undefined) recordSynced(folder as string, stats.ino, stats.size);
  }
}
