/**
 * Makes garbage, then rests, and says whether V8 has collected the heap within the milliseconds of the first argument, ending at once when it has. With the second
 * argument `keep` as the server does.
 */
import {
  constants,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { stayWarm } from '../src/stay-warm.ts';

type GcEntry = PerformanceEntry & { readonly detail: { readonly kind: number } };

const [restMs, keep] = process.argv.slice(2);
if (keep === 'keep') stayWarm();

for (let round = 0; round < 20; round++) Array.from({ length: 200_000 }, (_, i) => ({ i }));
const restedFromMs = performance.now();
const observer = new PerformanceObserver((list) => {
  for (const entry of list.getEntries() as GcEntry[]) {
    const isWhole = entry.detail.kind === constants.NODE_PERFORMANCE_GC_MAJOR;
    if (isWhole && entry.startTime > restedFromMs) end('collected');
  }
});
observer.observe({ entryTypes: ['gc'] });
await sleep(Number(restMs));
end('left alone');

function end(said: string): void {
  process.stdout.write(said);
  process.exit(0);
}
