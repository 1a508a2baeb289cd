/** Metrics of checkpoints. */
import { Gauge, type Registry } from 'prom-client';
import { plainNumbers } from './plain-metrics.ts';
import type { CheckpointNumbers } from './query/checkpoint-port.ts';

export function checkpointMetrics(
  registry: Registry,
): (numbers: CheckpointNumbers, nowMs: number) => void {
  const labelled = (name: string, help: string) =>
    new Gauge({
      name: `streamgauge_checkpoint_${name}`,
      help,
      labelNames: ['partition'],
      registers: [registry],
    });
  const age = labelled(
    'age_seconds',
    'Since the newest checkpoint of a partition had all that it had committed.',
  );
  const bytes = labelled('bytes', 'Of the newest checkpoint, as it lies in the archive.');
  const position = labelled('position', 'Where a new machine would read the log on.');
  const rest = plainNumbers<CheckpointNumbers>(registry, {
    taken: ['counter', 'checkpoints_total', 'Rounds of checkpoints.'],
    failed: ['counter', 'checkpoints_failed_total', 'Rounds of checkpoints that have failed.'],
    lastMs: ['gauge', 'checkpoint_round_milliseconds', 'How long the last round took.'],
    lastBytes: ['gauge', 'checkpoint_round_bytes', 'What the last round put into the archive.'],
    isServerBehind: [
      'gauge',
      'checkpoint_server_behind',
      '1 while changes of alarms are not in the archive.',
    ],
    isFenced: [
      'gauge',
      'checkpoint_fenced',
      '1 if another server has begun a later life over the log.',
    ],
  });
  return (numbers, nowMs) => {
    rest([numbers], () => ({}));
    for (const each of numbers.partitions) {
      const label = { partition: String(each.partition) };
      age.set(label, Math.max(0, nowMs - each.coveredMs) / 1_000);
      bytes.set(label, each.bytes);
      position.set(label, each.position);
    }
  };
}
