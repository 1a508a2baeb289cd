/**
 * Preload (`node --import`) of a server under torture: notes how much of each file has been synced, so that the harness
 * can take away the rest, as a power cut would. A plain kill -9 cannot show a missing sync, because the page cache
 * survives it.
 *
 * A note is made after the sync has returned and before its caller learns of it, so it is never behind an
 * acknowledgement. It holds the length that the file had when the sync began.
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

/** RocksDB syncs in its own code; what is seen of it is a batch that is written with `sync: true`. */
const loadNative = process.dlopen;
process.dlopen = (target: { exports: Native }, ...rest: [string, number?]) => {
  Reflect.apply(loadNative, process, [target, ...rest]);
  const { batch_write: write } = target.exports;
  if (typeof write !== 'function') return;
  target.exports['batch_write'] = (...args: readonly unknown[]) => {
    const options: unknown = args[2];
    const isSynced = typeof options === 'object' && options !== null && 'sync' in options;
    const lengths = isSynced && options.sync === true ? writeAheadLengths() : [];
    const answer: unknown = Reflect.apply(write, undefined, args);
    for (const { ino, size } of lengths) recordSynced(folder, ino, size);
    return answer;
  };
};

function writeAheadLengths(): fs.Stats[] {
  return filesBelow(stateFolder as string)
    .filter(isWriteAheadLog)
    .map((path) => fs.statSync(path));
}
