/** Metrics of the spool in front of a log that is a topic. */
import type { Registry } from 'prom-client';
import type { SpoolView } from './model/spool-view.ts';
import { plainNumbers } from './plain-metrics.ts';

export function spoolMetrics(registry: Registry): (view: SpoolView) => void {
  const set = plainNumbers<ReturnType<typeof numbersOf>>(registry, {
    isSpooling: ['gauge', 'spooling', '1 while events go to the spool on the local disk.'],
    waitingBytes: ['gauge', 'spool_bytes', 'Of the spool, what is not in the log yet.'],
    waitingBlocks: ['gauge', 'spool_blocks', 'Its blocks.'],
    waitingEvents: ['gauge', 'spool_events', 'Its events.'],
    bytesMax: ['gauge', 'spool_bytes_max', 'What it may take of the disk.'],
    spooled: ['counter', 'spooled_events_total', 'Events that went to the spool.'],
    drained: ['counter', 'spool_drained_events_total', 'Events that came from it into the log.'],
    switches: ['counter', 'spool_switches_total', 'How often events began to go to the spool.'],
    lostBytes: ['counter', 'spool_lost_bytes_total', 'Of the spool, what was damaged and is lost.'],
  });
  return (view) => set([numbersOf(view)], () => ({}));
}

const numbersOf = ({ spooling, waiting, spooled, drained, ...rest }: SpoolView) => ({
  isSpooling: spooling !== undefined,
  waitingBytes: waiting.bytes,
  waitingBlocks: waiting.blocks,
  waitingEvents: waiting.events,
  spooled: spooled.events,
  drained: drained.events,
  ...rest,
});
