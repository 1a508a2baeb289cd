/** Who is there in the storm. */
import type { Times } from './judge.ts';
import { AHEAD_MS, HOUR_MS, type TabPlan, type VisitorPlan } from './tabs.ts';

/** Less than what is tracked while something is wrong: here events are given up, and that has to be told. */
const SMALL_QUEUE_EVENTS = 12;

export const VISITORS: readonly VisitorPlan[] = [
  alone({ name: 'frames', by: 'websocket', clock: 'right' }),
  alone({ name: 'ahead', by: 'script', clock: 'ahead' }),
  alone({ name: 'behind', by: 'http', clock: 'behind' }),
  alone({ name: 'frames-behind', by: 'websocket', clock: 'behind' }),
  alone({ name: 'jumping', by: 'http', clock: 'jumps' }),
  alone({ name: 'small', by: 'http', clock: 'right', queueEventsMax: SMALL_QUEUE_EVENTS }),
  {
    name: 'two',
    tabs: [
      { name: 'two-1', by: 'script', clock: 'right' },
      { name: 'two-2', by: 'script', clock: 'right' },
    ],
  },
];

/** A request says what the clock shows, a frame does not; a tab with frames has beacons, too. */
export function timesOf({ by, clock }: TabPlan): Times {
  if (clock === 'jumps') return { aheadMs: [-2 * HOUR_MS, -HOUR_MS, 0, HOUR_MS, 2 * HOUR_MS] };
  return { aheadMs: by === 'websocket' ? [0, AHEAD_MS[clock]] : [0] };
}

function alone(tab: TabPlan): VisitorPlan {
  return { name: tab.name, tabs: [tab] };
}
