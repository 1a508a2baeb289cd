/** What is read of topics of other programs, as metrics. */
import { Gauge, type Registry } from 'prom-client';
import { lagMsOf, lagOf, type SourceView } from './model/source-view.ts';
import { plainNumbers } from './plain-metrics.ts';

export function sourceMetrics(
  registry: Registry,
): (all: readonly SourceView[], nowMs: number) => void {
  const sums = plainNumbers<SourceView>(
    registry,
    {
      records: ['counter', 'source_records_total', 'Records of topics that were taken.'],
      bytes: ['counter', 'source_record_bytes_total', 'Bytes of their values.'],
      empty: ['counter', 'source_records_empty_total', 'Records without a value.'],
      unreadable: [
        'counter',
        'source_batches_unreadable_total',
        'Batches of records that could not be unpacked.',
      ],
      missed: [
        'counter',
        'source_records_missed_total',
        'Records that were deleted before they were read.',
      ],
      repeats: [
        'counter',
        'source_repeats_total',
        'Parts that were decoded again because the log had refused them.',
      ],
      failures: ['counter', 'source_failures_total', 'Attempts to read a source that failed.'],
      eventsAccepted: ['counter', 'source_events_accepted_total', 'Events of records.'],
      eventsRejected: [
        'counter',
        'source_events_rejected_total',
        'Events of records that were refused, and records that were.',
      ],
    },
    'source',
  );
  const problem = new Gauge({
    name: 'streamgauge_source_problem',
    help: '1 while a source cannot be read.',
    labelNames: ['source'],
    registers: [registry],
  });
  const gauge = (name: string, help: string) =>
    new Gauge({
      name: `streamgauge_${name}`,
      help,
      labelNames: ['source', 'topic', 'partition'],
      registers: [registry],
    });
  const position = gauge('source_position', 'Every record before it is in the log.');
  const lag = gauge('source_lag_records', 'Records that are not in the log yet.');
  const lagMs = gauge('source_lag_milliseconds', 'By how long what is read is behind now.');
  return (all, nowMs) => {
    sums(all, ({ name }) => ({ source: name }));
    for (const metric of [problem, position, lag, lagMs]) metric.reset();
    for (const source of all) {
      problem.set({ source: source.name }, source.problem === undefined ? 0 : 1);
      for (const each of source.partitions) {
        const { topic, partition } = each;
        const labels = { source: source.name, topic, partition: String(partition) };
        position.set(labels, each.position);
        lag.set(labels, lagOf(each) ?? 0);
        lagMs.set(labels, lagMsOf(each, nowMs));
      }
    }
  };
}
