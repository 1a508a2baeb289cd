/**
 * Services whose alarms come and go, a server that is killed again and again, a receiver that is not always there. In the
 * end the history has to be what a plain model makes of what was sent, and the receiver must have been told all of it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ACKNOWLEDGED_WITHIN_S, AlarmLoad } from './alarm-load.ts';
import { type Change, changesOf, LATENESS_S, ruleConfigs } from './alarm-model.ts';
import { toldDifferences } from './alarm-told.ts';
import { MUTANT_ENV, PLANTED_ENV, type PlantedFault } from './fault/mutants.ts';
import type { Random } from './random.ts';
import { Recorder } from './recorder.ts';
import { SceneFailed } from './scene-failed.ts';
import { removeScratch, scratchFolder } from './scratch.ts';
import { Server } from './server.ts';
import { assertNone } from './verify.ts';

const MUTANT_PLANTER = fileURLToPath(new URL('./fault/plant-mutant.ts', import.meta.url));
const PARTITIONS = 4;
/** Longer than every window: what came before the rules were declared is of no matter. */
const WARM_UP_MS = 6_000;
const LOAD_MS = { min: 200, max: 4_000 };
/** Every alarm has ended by then. */
const CALM_S = 9;
const BAD_SHARE = 0.25;
const SETTLE_MS_MAX = 60_000;
const POLL_MS = 200;

export interface AlarmLoopOptions {
  readonly kills: number;
  readonly seed: number;
  readonly random: Random;
  readonly mutant?: PlantedFault;
  readonly onKill?: (number: number, loadMs: number, downMs: number) => void;
}

export interface AlarmLoopReport {
  readonly kills: number;
  readonly seconds: number;
  readonly transitions: number;
  readonly messages: number;
  readonly requests: number;
  readonly slowestAcknowledgementS: number;
}

/** Rejects with what is lost, invented or told wrongly. */
export async function alarmLoop(options: AlarmLoopOptions): Promise<AlarmLoopReport> {
  const folder = scratchFolder('alarms');
  const planted = join(folder, 'planted');
  const recorder = await Recorder.start({
    seed: options.seed,
    badShare: BAD_SHARE,
    file: join(folder, 'recorded.ndjson'),
  });
  const server = await prepareServer(folder, recorder, options.mutant, planted);
  try {
    await server.start();
    const report = await endure(server, recorder, options);
    await server.stop();
    return report;
  } catch (error) {
    if (options.mutant !== undefined && !existsSync(planted)) {
      throw new Error(`"${options.mutant.name}" was not planted: ${error}`);
    }
    throw error;
  } finally {
    recorder.close();
    await server.kill();
    removeScratch(folder);
  }
}

async function endure(
  server: Server,
  recorder: Recorder,
  { kills, seed, random, onKill }: AlarmLoopOptions,
): Promise<AlarmLoopReport> {
  const load = new AlarmLoad(seed, server.ingestPort);
  try {
    await sleep(WARM_UP_MS);
    load.setCalm(false);
    // From then on the windows that are judged have something in them.
    await sleep(LATENESS_S * 1_000);
    for (let number = 1; number <= kills; number++) {
      const loadMs = random.between(LOAD_MS.min, LOAD_MS.max);
      await sleep(loadMs);
      const killedAt = performance.now();
      await server.kill();
      await server.start();
      onKill?.(number, loadMs, performance.now() - killedAt);
    }
    load.setCalm(true);
    recorder.becomeGood();
    const toS = Math.floor(Date.now() / 1_000) + CALM_S;
    await settled(server, toS);
    if (load.slowestS > ACKNOWLEDGED_WITHIN_S) {
      throw new SceneFailed(
        `this machine is too slow: a restart took ${load.slowestS.toFixed(1)} s`,
      );
    }
    const changes = changesOf(load.sent, load.firstSecond, toS);
    const recorded = recorder.read();
    assertNone('transitions lost or invented', differences(changes, await history(server, toS)));
    assertNone('differences in what was told', toldDifferences(changes, recorded, toS));
    return {
      kills,
      seconds: toS - load.firstSecond,
      transitions: changes.length,
      messages: new Set(recorded.map(({ id }) => id)).size,
      requests: recorded.length,
      slowestAcknowledgementS: load.slowestS,
    };
  } finally {
    await load.stop();
  }
}

/** Everything before `toS` is judged, and nothing waits to be sent. */
async function settled(server: Server, toS: number): Promise<void> {
  const deadline = Date.now() + SETTLE_MS_MAX;
  for (;;) {
    const { alarmRules, alarmBoard } = await server.query<Progress>(PROGRESS);
    const isJudged = alarmRules.every(({ progress }) => (progress ?? 0) >= toS * 1_000);
    if (isJudged && alarmBoard.waitingDeliveries === 0) return;
    if (Date.now() > deadline) {
      throw new Error(`expected all alarms to be judged and told: ${JSON.stringify(alarmBoard)}`);
    }
    await sleep(POLL_MS);
  }
}

interface Progress {
  readonly alarmRules: readonly { readonly name: string; readonly progress: number | null }[];
  readonly alarmBoard: { readonly lagMs: number; readonly waitingDeliveries: number };
}
const PROGRESS = '{ alarmRules { name progress } alarmBoard { lagMs waitingDeliveries } }';

interface Entry {
  readonly rule: string;
  readonly group: readonly (string | null)[];
  readonly at: number;
  readonly from: string;
  readonly to: string;
  readonly reason: string;
  readonly severity: string;
  readonly value: number | null;
}
interface History {
  readonly alarmHistory: { readonly entries: readonly Entry[]; readonly nextCursor: string | null };
}
const HISTORY = `query ($after: String) {
  alarmHistory(first: 500, after: $after) {
    entries { rule group at from to reason severity value }
    nextCursor
  }
}`;

/** Up to and with the tick `toS`. */
async function history(server: Server, toS: number): Promise<Entry[]> {
  const all: Entry[] = [];
  let after: string | null = null;
  do {
    const page: History = await server.query<History>(HISTORY, { after });
    all.push(...page.alarmHistory.entries);
    after = page.alarmHistory.nextCursor;
  } while (after !== null);
  return all.filter(({ at }) => at <= toS * 1_000);
}

/** Each transition exactly once, on both sides. */
function differences(changes: readonly Change[], entries: readonly Entry[]): string[] {
  const left = new Map<string, number>();
  const add = (line: string, by: number) => left.set(line, (left.get(line) ?? 0) + by);
  for (const { rule, service, atS, from, to, reason, severity, value } of changes) {
    add(`${atS} ${rule} ${service} ${from}>${to} ${reason} ${severity} ${value ?? '-'}`, 1);
  }
  for (const { rule, group, at, from, to, reason, severity, value } of entries) {
    const service = group.join();
    add(`${at / 1_000} ${rule} ${service} ${from}>${to} ${reason} ${severity} ${value ?? '-'}`, -1);
  }
  return [...left]
    .filter(([, times]) => times !== 0)
    .map(([line, times]) => `${times > 0 ? 'lost' : 'invented'}: ${line}`)
    .sort();
}

function prepareServer(
  folder: string,
  { webhook }: Recorder,
  mutant: PlantedFault | undefined,
  planted: string,
): Promise<Server> {
  const receiver = {
    name: 'recorder',
    webhook,
    timeout: '500ms',
    retry: { waitMin: '100ms', waitMax: '1s', giveUpAfter: '1h' },
  };
  const route = { receiver: 'recorder', groupBy: ['alertname', 'service'], groupInterval: '1s' };
  return Server.prepare({
    folder,
    partitions: PARTITIONS,
    config: {
      // The server's own alarms would tell of its restarts, and rightly.
      alarms: {
        rules: ruleConfigs(),
        receivers: [receiver],
        routes: [route],
        server: { enabled: false },
      },
    },
    ...(mutant && {
      nodeArgs: ['--import', MUTANT_PLANTER],
      env: { [MUTANT_ENV]: mutant.name, [PLANTED_ENV]: planted },
    }),
  });
}
