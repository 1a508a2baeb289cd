/** Faults that schedules of retries, crashes and wrong clocks (test/simulation/schedules.ts) have to find. */
import type { PlantedFault } from './mutants.ts';

export const SCHEDULE_MUTANTS: readonly PlantedFault[] = [
  {
    name: 'resent-block-applied',
    breaks: 'a block that comes twice counts once',
    file: 'actors/partition/producers.ts',
    find: 'const isResent = last !== undefined && sequence <= last.sequence;',
    replace: 'const isResent = false;',
  },
  {
    name: 'window-not-rebuilt',
    breaks: 'an event that is sent again counts once, also after a crash',
    file: 'actors/partition/machine.ts',
    find: 'this.#dedup.relearn(scopeOf(block), ids, block.rows, keep, logged.offset);',
    replace: 'void ids;',
  },
  {
    name: 'late-event-dropped',
    breaks: 'a late event amends what has closed',
    file: 'src/aggregate/rollup.ts',
    find: '      lateRows[late++] = row;\n',
    replace: '',
  },
  {
    name: 'clamp-not-counted',
    breaks: 'the ledger tells which events count at their arrival',
    file: 'src/aggregate/rollup.ts',
    find: 'if (clamped) counts.clamped = countClamped(columns, count, times);',
    replace: 'void countClamped; void clamped;',
  },
  {
    name: 'edge-clamp-not-counted',
    breaks: 'the edge counts times that it has clamped',
    file: 'src/ingest/coalescer.ts',
    find: 'counters.eventsTimeClamped += clamped;',
    replace: 'void clamped;',
  },
  {
    name: 'wrong-clock-believed',
    breaks: 'times of a sender whose clock is wrong are corrected',
    file: 'src/ingest/decode/event-times.ts',
    find: 'Math.max(EPOCH_MS_MIN, sentMs + this.offsetMs)',
    replace: 'Math.max(EPOCH_MS_MIN, sentMs)',
  },
  {
    name: 'partition-left-out',
    breaks: 'an answer merges all partitions',
    file: 'src/query/timeseries.ts',
    find: 'parts: parts.filter(({ isReadable }) => isReadable), stored };',
    replace: 'parts: parts.filter(({ isReadable }, i) => isReadable && i !== 1), stored };',
  },
  {
    name: 'writes-not-counted',
    breaks: 'what is kept of answers is good no longer than the rows that it was made of',
    file: 'storage/state/row-writes.ts',
    find: 'Atomics.add(this.#counters, place, 1);',
    replace: 'void place;',
  },
  {
    name: 'changes-not-stamped',
    breaks: 'what a partition has not written yet is in an answer beside what is kept',
    file: 'src/query/row-stamps.ts',
    find: 'return changed.has(i) ? undefined : stampOf(plan.edges[i] as number, endMs);',
    replace: 'return stampOf(plan.edges[i] as number, endMs);',
  },
  {
    name: 'dropped-rollup-kept',
    breaks: 'a rollup that is declared anew begins without rows',
    file: 'actors/partition/rollups.ts',
    find: 'for (const tenant of tenants.keys()) this.#dropped.push({ tenant, rollup });',
    replace: 'void tenants;',
  },
  {
    name: 'registers-lost-in-merge',
    breaks: 'a distinct count does not depend on how its parts were merged',
    file: 'src/aggregate/distinct-sketch.ts',
    find: '      else this.#raise(slot, (index << RANK_BITS) | rank);',
    replace: '      else if (left > 1) this.#raise(slot, (index << RANK_BITS) | rank);',
  },
  {
    name: 'overflow-unseen',
    breaks: 'events without a series of their own are in the overflow series',
    file: 'src/query/series-groups.ts',
    find: 'this.#map(maps, OVERFLOW_SERIES, overflow);',
    replace: 'void overflow;',
  },
];
