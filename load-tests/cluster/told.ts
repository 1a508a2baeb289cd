/** What a receiver of webhooks heard from a cluster: each type of which there were many is told once, by whichever node. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Recorder, WebhookConfig } from '../recorder.ts';
import { BURST_ABOVE, type ClusterTruth } from './sender.ts';

interface Message {
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
  }[];
}

const POLL_MS = 200;

/** For the configuration of all nodes: of each type of which more than `BURST_ABOVE` come within an hour. */
export const burstAlarms = (webhook: WebhookConfig): Readonly<Record<string, unknown>> => ({
  alarms: {
    rules: [{ name: 'burst', groupBy: ['type'], window: '1h', every: '1s', above: BURST_ABOVE }],
    receivers: [{ name: 'hook', webhook }],
    routes: [{ receiver: 'hook', groupBy: ['type'], groupWait: '0s' }],
    server: { enabled: false },
  },
});

/** None: each was told under one id, and nothing else was told. Waits for what has not arrived yet. */
export async function toldOnceDifferences(
  recorder: Recorder,
  truth: ClusterTruth,
  waitMs = 60_000,
): Promise<string[]> {
  const wanted = [...truth.byType].filter(([, events]) => events > BURST_ABOVE);
  const types = new Set(wanted.map(([type]) => type));
  for (const deadline = performance.now() + waitMs; ; await sleep(POLL_MS)) {
    const { idsByType, found } = heard(recorder);
    const missing = [...types].filter((type) => !idsByType.has(type));
    if (missing.length > 0 && performance.now() < deadline) continue;
    for (const type of missing) found.push(`nobody was told of ${type}`);
    for (const [type, ids] of idsByType) {
      if (!types.has(type)) found.push(`told, but did not happen: ${type}`);
      if (ids.size > 1) found.push(`${type} was told under ${ids.size} ids: ${[...ids].join(' ')}`);
    }
    return found;
  }
}

function heard(recorder: Recorder) {
  const found: string[] = [];
  const idsByType = new Map<string, Set<string>>();
  for (const { id, problem, body } of recorder.read()) {
    if (problem !== '') found.push(`${id}: ${problem}`);
    const { alerts }: Message = JSON.parse(body);
    for (const { status, labels } of alerts) {
      const type = labels['type'] ?? '';
      if (status !== 'firing') found.push(`${type} is said to be over`);
      const ids = idsByType.get(type) ?? new Set();
      idsByType.set(type, ids.add(id));
    }
  }
  return { idsByType, found };
}
