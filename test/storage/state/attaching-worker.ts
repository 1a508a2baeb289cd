/** Attaches to the state by the handle in `workerData` and commits one row. */
import { workerData } from 'node:worker_threads';
import { attachState } from '../../../storage/state/rocksdb.ts';

const state = await attachState(workerData);
await state.commit([{ key: new Uint8Array([42]), value: new Uint8Array([1, 2, 3]) }]);
