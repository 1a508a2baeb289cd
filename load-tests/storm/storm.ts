/** A storm from its first page to its verdict. */
import { setTimeout as sleep } from 'node:timers/promises';
import { launchChromium } from '../chromium.ts';
import type { PlantedFault } from '../fault/mutants.ts';
import type { Random } from '../random.ts';
import { SceneFailed } from '../scene-failed.ts';
import { removeScratch, scratchFolder } from '../scratch.ts';
import { type Ledger, Server } from '../server.ts';
import { answers, ROLLUP, STREAM } from './answers.ts';
import { allTabs, type Fault, type Lasts, type Scene } from './faults.ts';
import {
  type Answers,
  isDoubled,
  isMissing,
  type LifeVerdict,
  stormDifferences,
  tally,
} from './judge.ts';
import { timesOf, VISITORS } from './plan.ts';
import { Site } from './site.ts';
import { Visitor } from './tabs.ts';
import { Told } from './told.ts';

export interface StormOptions {
  readonly random: Random;
  readonly faults: Iterable<Fault>;
  readonly lasts: Lasts;
  /** Of each tab, between two events. */
  readonly everyMs: number;
  readonly onPhase?: (phase: Phase) => void;
  /** A planted fault, in the pages that have the client as a module. */
  readonly mutant?: PlantedFault | undefined;
}

/** One fault, from its beginning until all that was tracked in it is answered. */
export interface Phase {
  readonly title: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Events that came more than once, and were dropped. */
  readonly sentAgain: number;
}

/** What became of the events that were handed over in phases of one kind. */
export interface PhaseCounts {
  readonly title: string;
  readonly times: number;
  readonly seconds: number;
  readonly tracked: number;
  readonly stored: number;
  readonly givenUp: number;
  readonly missing: number;
  readonly doubled: number;
  readonly sentAgain: number;
}

export interface StormReport {
  readonly seconds: number;
  readonly pages: number;
  readonly phases: readonly PhaseCounts[];
  readonly ledger: Ledger;
  /** None: each event is there once. */
  readonly differences: readonly string[];
}

export async function storm(options: StormOptions): Promise<StormReport> {
  const folder = scratchFolder('storm');
  const server = await Server.prepare({
    folder,
    partitions: 2,
    config: {
      ...{ rollups: [ROLLUP], cors: { origins: ['*'] } },
      alarms: { server: { enabled: false } },
    },
  });
  const site = await Site.start(options.mutant);
  try {
    return await endure(server, site, options);
  } finally {
    site.close();
    await server.kill();
    removeScratch(folder);
  }
}

async function endure(server: Server, site: Site, options: StormOptions): Promise<StormReport> {
  const startedAtMs = Date.now();
  const told = new Told();
  await server.start();
  const browser = await launchChromium().catch((error: unknown) => {
    throw new SceneFailed(`Chromium does not start: ${error}`);
  });
  try {
    const visitors: Visitor[] = [];
    for (const plan of VISITORS) {
      visitors.push(
        await Visitor.arrive(browser, plan, {
          site: site.url,
          ingest: `http://${server.host}:${server.ingestPort}`,
          everyMs: options.everyMs,
          onHanded: (handed) => told.take(handed, Date.now()),
        }),
      );
    }
    const scene = { server, visitors, random: options.random, lasts: options.lasts };
    const phases = await weather(scene, startedAtMs, options);
    await Promise.all(visitors.map((visitor) => visitor.leave()));
    return reportOf(phases, told, await answers(server, startedAtMs), startedAtMs);
  } finally {
    await browser.close();
  }
}

/** The first phase has the time before the first fault, the last one what comes after all. */
async function weather(
  scene: Scene,
  startedAtMs: number,
  { faults, lasts, onPhase }: StormOptions,
): Promise<Phase[]> {
  const phases: Phase[] = [];
  let fromMs = startedAtMs;
  let duplicates = 0;
  const calm: Fault = { title: 'nothing', happen: () => sleep(lasts.ms) };
  const pass = async ({ title, happen }: Fault) => {
    await happen(scene);
    await Promise.all(allTabs(scene.visitors).map((tab) => tab.answered()));
    const { duplicate } = await scene.server.caughtUp(STREAM);
    const toMs = Date.now();
    const phase = { title, fromMs, toMs, sentAgain: duplicate - duplicates };
    phases.push(phase);
    onPhase?.(phase);
    fromMs = toMs;
    duplicates = duplicate;
  };
  await pass(calm);
  for (const fault of faults) await pass(fault);
  return phases;
}

function reportOf(
  phases: readonly Phase[],
  told: Told,
  found: Answers,
  startedAtMs: number,
): StormReport {
  const { lives } = told;
  const { verdicts } = tally(lives, found.stored);
  const plans = new Map(
    VISITORS.flatMap(({ tabs }) => tabs.map((plan) => [plan.name, plan] as const)),
  );
  return {
    seconds: Math.round((Date.now() - startedAtMs) / 1_000),
    pages: lives.length,
    phases: countsByTitle(phases, verdicts),
    ledger: found.ledger,
    differences: stormDifferences(lives, found, (tab) => {
      const plan = plans.get(tab);
      return plan === undefined ? { aheadMs: [] } : timesOf(plan);
    }),
  };
}

/** Events that were handed over after the last phase count to it. */
function countsByTitle(phases: readonly Phase[], verdicts: readonly LifeVerdict[]): PhaseCounts[] {
  const titles = [...new Set(phases.map(({ title }) => title))];
  const empty = { times: 0, seconds: 0, tracked: 0, stored: 0, givenUp: 0, missing: 0, doubled: 0 };
  const counts = new Map(titles.map((title) => [title, { title, ...empty, sentAgain: 0 }]));
  for (const { title, fromMs, toMs, sentAgain } of phases) {
    const row = counts.get(title) as { -readonly [Name in keyof PhaseCounts]: PhaseCounts[Name] };
    row.times += 1;
    row.seconds += (toMs - fromMs) / 1_000;
    row.sentAgain += sentAgain;
  }
  const last = phases.at(-1) as Phase;
  for (const verdict of verdicts) {
    const { handedAtMs, givenUp } = verdict.life;
    verdict.counts.forEach((stored, i) => {
      const atMs = handedAtMs[i] ?? last.toMs;
      const { title } = phases.find(({ toMs }) => atMs < toMs) ?? last;
      const row = counts.get(title);
      if (row === undefined) return;
      row.tracked += 1;
      row.stored += stored;
      row.givenUp += givenUp.has(i + 1) ? 1 : 0;
      row.missing += isMissing(verdict, i + 1) ? 1 : 0;
      row.doubled += isDoubled(verdict, i + 1) ? 1 : 0;
    });
  }
  return [...counts.values()];
}
