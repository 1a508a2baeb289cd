/**
 * The yardstick of a load that is nearly all requests and answers: a server that does nothing else, in a process of its own,
 * under the same generator. No server with this socket library takes more of them on this machine, in this minute: what ours
 * reaches of it depends less on the machine than a rate does.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { BareServerOptions, BareServerReady } from './bare-server/protocol.ts';
import { Generator } from './generator.ts';
import { type LoadCase, loadOptions } from './load-case.ts';
import { processUsage } from './process-usage.ts';
import { assertNone } from './verify.ts';

const ENTRY = fileURLToPath(new URL('./bare-server/process.ts', import.meta.url));
const HOST = '127.0.0.1';
const WARM_UP_MS = 1_000;

export interface Ceiling {
  readonly requestsPerSecond: number;
  readonly serverCpuPerMillion: number;
  readonly generatorCpuPerMillion: number;
}

export async function measureCeiling(
  load: LoadCase,
  partitions: number,
  seconds: number,
): Promise<Ceiling> {
  const { eventsPerBody } = load;
  const options: BareServerOptions = { host: HOST, partitions, eventsPerBody };
  const child = fork(ENTRY, [JSON.stringify(options)], {
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const generator = new Generator();
  try {
    const [ready]: BareServerReady[] = await once(child, 'message');
    const cpuSeconds = () => processUsage(child.pid ?? 0)?.cpuSeconds ?? Number.NaN;
    const loading = loadOptions(load, { host: HOST, ingestPort: ready?.port ?? 0 });
    await generator.ask({ type: 'prepare', options: loading });
    await generator.ask({ type: 'resume' });
    await sleep(WARM_UP_MS);
    await generator.ask({ type: 'measure' });
    const cpuBefore = cpuSeconds();
    await sleep(seconds * 1_000);
    const measured = await generator.ask({ type: 'measure' });
    const cpu = cpuSeconds() - cpuBefore;
    assertNone('answers that the bare server should not give', measured.unexpected);
    return {
      requestsPerSecond: measured.requests / measured.seconds,
      serverCpuPerMillion: (cpu / measured.requests) * 1e6,
      generatorCpuPerMillion: (measured.cpuSeconds / measured.requests) * 1e6,
    };
  } finally {
    generator.close();
    if (child.connected) child.disconnect();
  }
}
