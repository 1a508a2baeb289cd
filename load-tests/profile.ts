/** CPU profiles of all threads of a server, reduced to the functions that cost most by themselves. */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { filesBelow } from './process-usage.ts';
import { table } from './results.ts';

const FUNCTIONS_PER_THREAD = 15;
/** A thread that was busy for less has nothing to show. */
const BUSY_MS_MIN = 100;
const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The format of V8's `.cpuprofile`, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: {
      readonly functionName: string;
      readonly url: string;
      readonly lineNumber: number;
    };
  }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface Cost {
  readonly name: string;
  selfMs: number;
}

/** Worker threads inherit these; each thread writes its profile when it ends in order. */
export const PROFILE_ARGS = (folder: string): readonly string[] => [
  '--cpu-prof',
  `--cpu-prof-dir=${folder}`,
];

export function summariseProfiles(folder: string): string {
  return filesBelow(folder)
    .filter((path) => path.endsWith('.cpuprofile'))
    .map((path) => ({ path, costs: selfTimes(JSON.parse(readFileSync(path, 'utf8'))) }))
    .map(({ path, costs }) => summariseThread(path, costs))
    .filter((summary) => summary !== '')
    .join('\n\n');
}

/** Self time per function, the largest first. Idle time is left out. */
export function selfTimes(profile: CpuProfile): Cost[] {
  const costOf = new Map<number, Cost>();
  const byName = new Map<string, Cost>();
  for (const { id, callFrame } of profile.nodes) {
    const { functionName, url, lineNumber } = callFrame;
    const place = url === '' ? '' : ` ${url.replace(`file://${ROOT}`, '')}:${lineNumber + 1}`;
    const name = `${functionName || '(anonymous)'}${place}`;
    const cost = byName.get(name) ?? { name, selfMs: 0 };
    byName.set(name, cost);
    costOf.set(id, cost);
  }
  profile.samples.forEach((node, i) => {
    const cost = costOf.get(node);
    if (cost !== undefined) cost.selfMs += (profile.timeDeltas[i] ?? 0) / 1_000;
  });
  return [...byName.values()]
    .filter(({ name }) => name !== '(idle)')
    .sort((a, b) => b.selfMs - a.selfMs);
}

function summariseThread(path: string, costs: readonly Cost[]): string {
  const busyMs = costs.reduce((sum, { selfMs }) => sum + selfMs, 0);
  if (busyMs < BUSY_MS_MIN) return '';
  // CPU.<date>.<time>.<process>.<thread>.<sequence>.cpuprofile
  const thread = basename(path).split('.')[4];
  const share = ({ selfMs }: Cost) => `${((100 * selfMs) / busyMs).toFixed(1)} %`;
  const columns = [
    { title: `thread ${thread}, busy ${Math.round(busyMs)} ms`, cell: ({ name }: Cost) => name },
    { title: 'self ms', cell: ({ selfMs }: Cost) => String(Math.round(selfMs)) },
    { title: 'share', cell: share },
  ];
  return table(columns, costs.slice(0, FUNCTIONS_PER_THREAD));
}
