/**
 * How far the heaps of all threads grow before V8 collects all of one. Left alone it lets one grow up to fourfold, which spares
 * collections that stop a thread for 5 to 40 ms, and with wide live answers, short-lived objects of tens of MB, takes hundreds of MB.
 * So heaps grow as V8 likes while the process takes little memory, and by less the more it takes (docs/decisions/0040).
 */
import { totalmem } from 'node:os';
import { setFlagsFromString } from 'node:v8';

/** From so many resident bytes on, or so much of the machine's memory, in percent of what is alive. 0: as V8 likes. */
const GROWTH = [
  { fromBytes: 0, fromShare: 0, percent: 0 },
  { fromBytes: 600e6, fromShare: 0.3, percent: 40 },
  { fromBytes: 800e6, fromShare: 0.4, percent: 20 },
] as const;
const LOOK_MS = 100;

export const growthPercent = (residentBytes: number, memoryBytes: number): number =>
  GROWTH.findLast(
    ({ fromBytes, fromShare }) => residentBytes >= Math.min(fromBytes, fromShare * memoryBytes),
  )?.percent ?? 0;

/** Looks until what it answers is called. The flag is of the process: each thread obeys it from its next collection on. */
export function boundHeapGrowth(): () => void {
  // That of the container, where it is in one.
  const memoryBytes = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
  let percent = 0;
  const set = (next: number) => {
    if (next !== percent) setFlagsFromString(`--heap-growing-percent=${next}`);
    percent = next;
  };
  const look = () => set(growthPercent(process.memoryUsage.rss(), memoryBytes));
  const timer = setInterval(look, LOOK_MS);
  return () => {
    clearInterval(timer);
    set(0);
  };
}
