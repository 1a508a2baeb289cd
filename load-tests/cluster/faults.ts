/** What goes wrong in a cluster, drawn from a seed: each begins, lasts, and is over when it resolves. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import type { ClusterNode, ClusterScene } from './scene.ts';
import type { SmallDisk } from './small-disk.ts';

export interface Fault {
  readonly kind: FaultKind;
  /** Whom it befalls: the name of a node, or the number of a broker. */
  readonly victim: string;
  readonly ms: number;
  /** Resolves when it is over, and everybody runs again; not when all is well again. */
  readonly happen: () => Promise<void>;
}

export const FAULT_KINDS = [
  'node killed',
  'node killed, its data lost',
  'node stopped',
  'node paused briefly',
  'node paused, back as a zombie',
  'broker killed',
  'broker paused',
  'node cut from brokers',
  'disk of a node full',
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface FaultSite {
  readonly scene: ClusterScene;
  /** Of the second node. Undefined: none could be mounted, and none gets full. */
  readonly disk: SmallDisk | undefined;
  /** Whom nothing is sent to: who balances load takes a node out before it is stopped. */
  readonly stopping: Set<ClusterNode>;
}

/** Longer than a session of 6 s: others have its partitions when it is back. */
const ZOMBIE_MS = [9_000, 16_000] as const;
const BRIEF_MS = [1_000, 4_000] as const;
/** Beside all the others on a small machine, two of which may be starting. */
const START_MS_MAX = 180_000;
const DOWN_MS = [500, 10_000] as const;

const lasting = (random: Random, [from, to]: readonly [number, number]): number =>
  random.between(from, to);

export function drawFault(site: FaultSite, random: Random, kind?: FaultKind): Fault {
  const { scene, disk, stopping } = site;
  const kinds = FAULT_KINDS.filter((each) => each !== 'disk of a node full' || disk !== undefined);
  const drawn = kind ?? (kinds[random.between(0, kinds.length)] as FaultKind);
  const node = scene.nodes[random.between(0, scene.nodes.length)] as ClusterNode;
  const broker = random.between(0, scene.kafka.brokers.length);
  const part = scene.kafka.brokers[broker];
  if (part === undefined) throw new RangeError('expected a broker');
  const { server } = node;
  const fault = (victim: string, ms: number, happen: () => Promise<void>): Fault => ({
    ...{ kind: drawn, victim, ms, happen },
  });
  switch (drawn) {
    case 'node killed':
    case 'node killed, its data lost': {
      const ms = lasting(random, DOWN_MS);
      return fault(node.name, ms, async () => {
        await server.kill();
        await sleep(ms);
        if (drawn === 'node killed, its data lost') empty(server.dataDir);
        server.launch();
        await server.ready('query', START_MS_MAX);
      });
    }
    case 'node stopped': {
      const ms = lasting(random, DOWN_MS);
      return fault(node.name, ms, async () => {
        stopping.add(node);
        await server.stop();
        await sleep(ms);
        server.launch();
        await server.ready('query', START_MS_MAX);
        stopping.delete(node);
      });
    }
    case 'node paused briefly':
    case 'node paused, back as a zombie': {
      const ms = lasting(random, drawn === 'node paused briefly' ? BRIEF_MS : ZOMBIE_MS);
      return fault(node.name, ms, async () => {
        server.pause();
        await sleep(ms);
        server.resume();
      });
    }
    case 'broker killed': {
      const ms = lasting(random, DOWN_MS);
      return fault(`broker ${broker}`, ms, async () => {
        await part.kill();
        await sleep(ms);
        await part.start();
      });
    }
    case 'broker paused': {
      const ms = lasting(random, DOWN_MS);
      return fault(`broker ${broker}`, ms, async () => {
        part.pause();
        await sleep(ms);
        part.resume();
      });
    }
    case 'node cut from brokers': {
      const ms = lasting(random, random.next() < 0.5 ? BRIEF_MS : ZOMBIE_MS);
      return fault(scene.nodes.at(-1)?.name ?? '', ms, async () => {
        for (const cable of scene.cables) cable.cut();
        await sleep(ms);
        for (const cable of scene.cables) cable.mend();
      });
    }
    case 'disk of a node full': {
      const ms = lasting(random, DOWN_MS);
      const [, full = node] = scene.nodes;
      return fault(full.name, ms, async () => {
        disk?.fill();
        await sleep(ms);
        disk?.empty();
        // Its store may write no more, room or not: whoever makes room starts it anew (docs/cluster.md).
        await full.server.kill();
        full.server.launch();
        await full.server.ready('query', START_MS_MAX);
      });
    }
  }
}

/** The folder itself stays: it may be where a disk is mounted. */
function empty(folder: string): void {
  for (const name of readdirSync(folder)) {
    rmSync(join(folder, name), { recursive: true, force: true });
  }
}
