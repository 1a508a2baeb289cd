/** Metrics of questions about single events. */
import { Counter, Gauge, type Registry } from 'prom-client';
import type { ReadNumbers } from '../actors/cold/questions.ts';
import { type HistogramText, plainNumbers } from './plain-metrics.ts';
import type { ColdNumbers } from './query/cold/cold-gate.ts';

export function coldMetrics(registry: Registry): (numbers: ColdNumbers) => void {
  const registers = [registry];
  const asked = new Counter({
    name: 'streamgauge_cold_questions_total',
    help: 'Questions about single events, by what became of them.',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const gauge = (name: string, help: string) =>
    new Gauge({ name: `streamgauge_${name}`, help, registers });
  const atWork = gauge('cold_running', 'Questions about single events at work.');
  const inLine = gauge('cold_waiting', 'Questions about single events that wait for their turn.');
  return ({ running, waiting, kinds }) => {
    asked.reset();
    for (const [kind, { outcomes }] of Object.entries(kinds)) {
      for (const [outcome, count] of Object.entries(outcomes)) asked.inc({ kind, outcome }, count);
    }
    atWork.set(running);
    inLine.set(waiting);
  };
}

export const coldTimes = ({ kinds, waits }: ColdNumbers): HistogramText[] => [
  {
    name: 'cold_milliseconds',
    help: 'What questions about single events took, from their turn on.',
    series: Object.entries(kinds).map(([kind, { works }]) => ({ labels: { kind }, ...works })),
  },
  {
    name: 'cold_wait_milliseconds',
    help: 'How long they waited for their turn.',
    series: [{ labels: {}, ...waits }],
  },
];

export function readMetrics(registry: Registry): (numbers: ReadNumbers) => void {
  const set = plainNumbers<ReadNumbers>(registry, {
    filesRead: ['counter', 'cold_files_read_total', 'Files that questions were given to read.'],
    rowsRead: ['counter', 'cold_rows_read_total', 'Events in these files, read or passed over.'],
    fetchedBytes: [
      'counter',
      'cold_fetched_bytes_total',
      'What a remote archive was read for them.',
    ],
    cachedBytes: ['gauge', 'cold_cached_bytes', 'Segments of a remote archive that are kept here.'],
    joinedBytes: ['gauge', 'cold_joined_bytes', 'Small segments that are put together for them.'],
    tailBytes: ['gauge', 'cold_tail_bytes', 'What is staged of the log for them.'],
  });
  return (numbers) => set([numbers], () => ({}));
}
