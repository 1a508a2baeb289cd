/**
 * How far the heaps of all threads grow before V8 collects all of one. Left alone it lets one grow up to fourfold, which spares
 * collections that stop a thread for 5 to 40 ms, and with wide live answers, short-lived objects of tens of MB, takes hundreds of MB.
 * So heaps grow as V8 likes while the process takes little memory, and by less the more it takes (docs/decisions/0040).
 */
import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { collectHeap } from './collect-garbage.ts';

/** From so many resident bytes on, or so much of the machine's memory, in percent of what is alive. 0: as V8 likes. */
const GROWTH = [
  { fromBytes: 0, fromShare: 0, percent: 0 },
  { fromBytes: 600e6, fromShare: 0.3, percent: 40 },
  { fromBytes: 800e6, fromShare: 0.4, percent: 20 },
] as const;
/** A level is left once the process takes less than so much of what leads to it: around its bound nothing goes to and fro. */
const LEFT_BELOW = 0.9;
const LOOK_MS = 100;

/** The level of `GROWTH` that follows `before`. */
export function growthLevel(before: number, residentBytes: number, memoryBytes: number): number {
  const levelOf = (bytes: number) =>
    GROWTH.findLastIndex(
      ({ fromBytes, fromShare }) => bytes >= Math.min(fromBytes, fromShare * memoryBytes),
    );
  return Math.max(levelOf(residentBytes), Math.min(before, levelOf(residentBytes / LEFT_BELOW)));
}

/** Looks until what it answers is called. The flag is of the process: each thread obeys it from its next collection on. */
export function boundHeapGrowth(): () => void {
  // That of the container, where it is in one.
  const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  let level = 0;
  const enter = (next: number) => {
    if (next === level) return;
    setFlagsFromString(`--heap-growing-percent=${GROWTH[next]?.percent ?? 0}`);
    // This thread's heap is the one that may become large, and may have got leave to grow fourfold long ago.
    if (next > level) collectHeap();
    level = next;
  };
  const look = () => enter(growthLevel(level, process.memoryUsage.rss(), memoryBytes));
  const timer = setInterval(look, LOOK_MS);
  return () => {
    clearInterval(timer);
    enter(0);
  };
}
