/** A storm from its first page to its verdict. */
import { launchChromium } from '../chromium.ts';
import type { PlantedFault } from '../fault/mutants.ts';
import type { Random } from '../random.ts';
import { SceneFailed } from '../scene-failed.ts';
import { removeScratch, scratchFolder } from '../scratch.ts';
import { type Ledger, Server } from '../server.ts';
import { answers, ROLLUP } from './answers.ts';
import { allTabs, type Fault, type Lasts, type Scene } from './faults.ts';
import { type Answers, stormDifferences, tally } from './judge.ts';
import { countsByTitle, type Phase, type PhaseCounts, PhaseLog } from './phases.ts';
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
  const log = new PhaseLog(server, startedAtMs, options.onPhase);
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
    await weather(scene, options.faults, log);
    return reportOf(log.phases, told, await answers(server, startedAtMs), startedAtMs);
  } finally {
    await browser.close();
  }
}

/** Each fault begins when all that was tracked in the one before is answered; in the end everybody leaves. */
async function weather(scene: Scene, faults: Iterable<Fault>, log: PhaseLog): Promise<void> {
  const { visitors } = scene;
  for (const { title, happen } of faults) {
    await happen(scene);
    await Promise.all(allTabs(visitors).map((tab) => tab.answered()));
    await log.end(title);
  }
  await Promise.all(visitors.map((visitor) => visitor.leave()));
  await log.end('everybody leaves');
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
