/** What goes wrong, each with its end: afterwards the server is up, every tab is open and online. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.ts';
import { SceneFailed } from '../scene-failed.ts';
import type { Server } from '../server.ts';
import { HOUR_MS, type Tab, type Visitor } from './tabs.ts';

export interface Scene {
  readonly server: Server;
  readonly visitors: readonly Visitor[];
  readonly random: Random;
  readonly lasts: Lasts;
}

/** How long faults last. */
export interface Lasts {
  /** At least; up to twice as long by chance. */
  readonly ms: number;
  readonly longOfflineMs: number;
  /** Refusals by the quota, after which its storm may end. */
  readonly refusals: number;
}

export interface Fault {
  readonly title: string;
  readonly happen: (scene: Scene) => Promise<void>;
}

/** Of the tenant, for all tabs together: a part of what they track, so that debts grow and each round of theirs is refused. */
const QUOTA = { STREAMGAUGE_LIMITS_EVENTS_PER_SECOND_MAX: '4' };
/** More than the two minutes that are promised: a machine may be slow. */
const TAKEN_OVER_MS_MAX = 300_000;
const REFUSED_MS_MAX = 120_000;
const POLL_MS = 100;

/** What comes first. */
export const CALM: Fault = {
  title: 'nothing',
  happen: ({ lasts }) => sleep(lasts.ms),
};

export const FAULTS: readonly Fault[] = [
  {
    title: 'SIGTERM, started again',
    async happen({ server }) {
      await server.stop();
      await server.start();
    },
  },
  {
    title: 'kill -9, started again',
    async happen({ server }) {
      await server.kill();
      await server.start();
    },
  },
  {
    title: 'port refused for a while',
    async happen(scene) {
      await scene.server.stop();
      await aWhile(scene);
      await scene.server.start();
    },
  },
  {
    title: 'offline for a while',
    happen: (scene) => offline(scene, aWhile),
  },
  {
    title: '429 by the quota',
    async happen({ server, lasts }) {
      await server.stop();
      await server.start(QUOTA);
      await refused(server, lasts.refusals);
      await server.stop();
      await server.start();
    },
  },
  {
    title: 'tabs closed',
    async happen({ visitors, random }) {
      for (const tab of oneOfEach(visitors, random)) await closedAndBack(tab);
    },
  },
  {
    title: 'tabs closed, server away',
    async happen(scene) {
      await scene.server.kill();
      await aWhile(scene);
      for (const tab of oneOfEach(scene.visitors, scene.random)) await closedAndBack(tab);
      await scene.server.start();
    },
  },
  {
    title: 'pages loaded again',
    async happen({ visitors }) {
      for (const tab of allTabs(visitors)) await tab.reload();
    },
  },
  {
    title: 'pages loaded again, server away',
    async happen(scene) {
      await scene.server.kill();
      await aWhile(scene);
      for (const tab of allTabs(scene.visitors)) await tab.reload();
      await scene.server.start();
    },
  },
  {
    title: 'clock set by an hour, server away',
    async happen(scene) {
      await scene.server.kill();
      for (const tab of jumping(scene)) await tab.setClock(HOUR_MS);
      await aWhile(scene);
      for (const tab of jumping(scene)) await tab.setClock(-HOUR_MS);
      await scene.server.start();
      for (const tab of jumping(scene)) await tab.setClock(0);
    },
  },
];

/** Those that take minutes. */
export const LONG_FAULTS: readonly Fault[] = [
  {
    title: 'tabs closed for good, server away',
    async happen(scene) {
      await scene.server.kill();
      await aWhile(scene);
      const couples = scene.visitors.flatMap(({ tabs: [stays, goes] }) =>
        stays === undefined || goes === undefined ? [] : [{ stays, goes }],
      );
      for (const { goes } of couples) await goes.close();
      await scene.server.start();
      for (const { stays, goes } of couples) await takenOver(stays, goes);
    },
  },
  {
    title: 'offline for long',
    happen: (scene) => offline(scene, ({ lasts }) => sleep(lasts.longOfflineMs)),
  },
];

/** What the one has left is sent by the other, which has events of its own all the time. */
async function takenOver(stays: Tab, goes: Tab): Promise<void> {
  const deadline = performance.now() + TAKEN_OVER_MS_MAX;
  for (;;) {
    const kept = await stays.countKept(goes.plan.name);
    if (kept === 0) break;
    if (performance.now() > deadline) {
      throw new Error(`${stays.plan.name} has not taken over ${kept} events of ${goes.plan.name}`);
    }
    await sleep(POLL_MS);
  }
  await goes.open();
}

async function refused(server: Server, wanted: number): Promise<void> {
  const deadline = performance.now() + REFUSED_MS_MAX;
  // Before the first there is no such metric.
  while ((await server.metric('streamgauge_refusals_total').catch(() => 0)) < wanted) {
    if (server.hasEnded) throw new Error(`the server has ended\n${server.logTail()}`);
    if (performance.now() > deadline) throw new SceneFailed('the quota refuses too little');
    await sleep(POLL_MS);
  }
}

async function offline(scene: Scene, pass: (scene: Scene) => Promise<void>): Promise<void> {
  for (const visitor of scene.visitors) await visitor.setOffline(true);
  await pass(scene);
  for (const visitor of scene.visitors) await visitor.setOffline(false);
}

const aWhile = ({ lasts, random }: Scene): Promise<void> => sleep(lasts.ms * (1 + random.next()));

/** What it had when it went is sent by a beacon, or by the page that opens then. */
async function closedAndBack(tab: Tab): Promise<void> {
  await tab.close();
  await tab.open();
}

export const allTabs = (visitors: readonly Visitor[]): Tab[] =>
  visitors.flatMap(({ tabs }) => tabs);

const oneOfEach = (visitors: readonly Visitor[], random: Random): Tab[] =>
  visitors.map(({ tabs }) => tabs[random.between(0, tabs.length)] as Tab);

const jumping = ({ visitors }: Scene): Tab[] =>
  allTabs(visitors).filter(({ plan }) => plan.clock === 'jumps');
