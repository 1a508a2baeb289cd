/** What each thread of a server has used, from /proc. Node does not name them there: they are told apart by their order. */
import { ok as assert } from 'node:assert';
import { readdirSync, readFileSync } from 'node:fs';

/** USER_HZ, which Linux fixes at 100 for what it shows in /proc. */
const TICKS_PER_SECOND = 100;

/** CPU seconds since the start. */
export interface ThreadUsage {
  readonly main: number;
  readonly partitions: number;
  readonly edge: number;
  /** V8's own, libuv's and the store's. */
  readonly others: number;
}

/** Of a server with one partition thread and one edge. The threads of V8 and of the store begin before those two. */
export function threadUsage(pid: number): ThreadUsage {
  const threads = readdirSync(`/proc/${pid}/task`)
    .map(Number)
    .sort((a, b) => a - b)
    .map((tid) => ({ tid, ...usageOf(pid, tid) }));
  const store = threads.findLast(({ name }) => name.startsWith('rocksdb'))?.tid ?? 0;
  const workers = threads.filter(({ tid, name }) => tid > store && name === 'node');
  const [partitions, edge] = workers;
  assert(partitions && edge && workers.length === 2, 'expected one partition thread and one edge');
  const main = threads.find(({ tid }) => tid === pid)?.seconds ?? 0;
  const all = threads.reduce((sum, { seconds }) => sum + seconds, 0);
  return {
    main,
    partitions: partitions.seconds,
    edge: edge.seconds,
    others: all - main - partitions.seconds - edge.seconds,
  };
}

function usageOf(pid: number, tid: number): { name: string; seconds: number } {
  const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1');
  const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')'));
  // Fields are counted from behind the name, which may hold spaces: state is the first.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { name, seconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND };
}
