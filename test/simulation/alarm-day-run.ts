/**
 * The scripted day through real partitions, the feed and the board, on a clock that is told. Live: as it comes, and if
 * wanted with crashes that take what was not synced. Replay: the whole log once more, into nothing, told to nobody.
 */
import { Board, type BoardOptions } from '../../actors/alarm-board/board.ts';
import { Deliveries } from '../../actors/alarm-board/deliveries.ts';
import { allIn } from '../../actors/alarm-board/rows.ts';
import type { MachineOptions } from '../../actors/partition/machine.ts';
import { BlockColumns } from '../../src/aggregate/block-columns.ts';
import { rollupsOf } from '../../src/alarm/compile.ts';
import { readReceiver, readRoute, readRule } from '../../src/config/alarms.ts';
import type { AlarmRule, AlarmTransition } from '../../src/model/alarm.ts';
import type { HistoryEntry } from '../../src/model/alarm-board.ts';
import type { Delivery } from '../../src/model/notification.ts';
import type { Result } from '../../src/model/result.ts';
import { PartialsFeed } from '../../src/query/partials-feed.ts';
import { storedRollups } from '../../src/query/stored-rollups.ts';
import type { LoggedBlock } from '../../storage/log/log.ts';
import { BOARD_ROW, boardRange } from '../../storage/state/board-keys.ts';
import { silent } from '../actors/scripted-clock.ts';
import { clock, type DayStep, dayLog, PARTITIONS, RULES } from './alarm-day-script.ts';
import { MemoryStore } from './memory-store.ts';
import { SimulatedPartition } from './partition.ts';
import { Random } from './random.ts';

export interface DayOptions {
  readonly seed: number;
  /** Chance of one before any step: partitions, board and newest writes are gone. */
  readonly crash: number;
  /** Steps between two looks of the board, at most. */
  readonly stepsPerLook: number;
  /** Nobody is told. */
  readonly muted: boolean;
}

export interface DaySeen {
  /** As in `EXPECTED`. */
  readonly lines: readonly string[];
  readonly transitions: readonly AlarmTransition[];
  /** In the order in which they were made, with the true time at which each was. */
  readonly told: readonly { readonly delivery: Delivery; readonly atMs: number }[];
  readonly crashes: number;
}

const columns = new BlockColumns();
export const rules: readonly AlarmRule[] = RULES.map((raw) => valid(readRule(raw, 'default')));
const receiver = valid(readReceiver({ name: 'ops', console: {} }, 'default'));

/** Packed once for all runs. */
let log: readonly DayStep[] | undefined;

export async function runDay(options: DayOptions): Promise<DaySeen> {
  log ??= dayLog(rollupsOf(rules));
  const run = new DayRun(options, log);
  return run.finish();
}

class DayRun {
  readonly #options: DayOptions;
  readonly #steps: readonly DayStep[];
  readonly #random: Random;
  readonly #store = new MemoryStore();
  readonly #told: { delivery: Delivery; atMs: number }[] = [];
  #partitions: SimulatedPartition[] = [];
  #board!: Board;
  #wallMs = 0;
  #crashes = 0;
  /** The board has made messages since they were last looked at. */
  #hasNews = false;

  constructor(options: DayOptions, steps: readonly DayStep[]) {
    this.#options = options;
    this.#steps = steps;
    this.#random = new Random(options.seed);
  }

  async finish(): Promise<DaySeen> {
    const { crash, stepsPerLook } = this.#options;
    this.#wallMs = this.#steps[0]?.wallMs ?? 0;
    await this.#start();
    let looksIn = 0;
    for (const [i, { wallMs, atMs, blocks }] of this.#steps.entries()) {
      if (this.#random.chance(crash)) await this.#crash(i);
      this.#wallMs = wallMs;
      for (const block of blocks) await this.#partition(block).feed(block);
      for (const partition of this.#partitions) {
        if (this.#random.chance(0.3)) await partition.commit();
      }
      if (looksIn-- > 0 && i < this.#steps.length - 1) continue;
      looksIn = this.#random.int(0, stepsPerLook - 1);
      await this.#look(atMs);
    }
    await this.#collectTold(this.#steps.at(-1)?.atMs ?? 0);
    const history = await allIn<HistoryEntry>(this.#store, boardRange(BOARD_ROW.history));
    const transitions = history.map(({ transition }) => transition);
    const lines = transitions.map(describe).sort();
    return { lines, transitions, told: this.#told, crashes: this.#crashes };
  }

  /** The process is gone, and what the disk had not taken yet. What is in the log is applied again from the last commit. */
  async #crash(step: number): Promise<void> {
    this.#crashes += 1;
    const { unsynced } = this.#store;
    if (this.#random.chance(0.5)) this.#store.lose(this.#random.int(0, Math.min(40, unsynced)));
    await this.#start();
    for (const { blocks } of this.#steps.slice(0, step)) {
      for (const block of blocks) {
        const partition = this.#partition(block);
        if (block.offset >= partition.machine.position) await partition.feed(block);
      }
    }
  }

  async #start(): Promise<void> {
    this.#partitions = [];
    for (let id = 0; id < PARTITIONS; id++) {
      this.#partitions.push(await SimulatedPartition.load(optionsOf(id), this.#store));
    }
    this.#board = await Board.load(this.#boardOptions());
  }

  /** Until nothing new comes, as the board's timer would. */
  async #look(atMs: number): Promise<void> {
    let evaluations = -1;
    while (this.#board.rules.evaluations !== evaluations) {
      evaluations = this.#board.rules.evaluations;
      // A feed that begins asks twice before it has rows.
      for (let looks = 0; looks < 2; looks++) while (await this.#board.tick());
    }
    if (this.#hasNews) await this.#collectTold(atMs);
    this.#hasNews = false;
  }

  /** What is in the outbox and was not there before. What was there must be as it was. */
  async #collectTold(atMs: number): Promise<void> {
    const deliveries = await allIn<Delivery>(this.#store, boardRange(BOARD_ROW.delivery));
    for (const delivery of deliveries.slice(this.#told.length)) this.#told.push({ delivery, atMs });
    for (const [i, { delivery }] of this.#told.entries()) {
      if (JSON.stringify(deliveries[i]) !== JSON.stringify(delivery)) {
        throw new Error(`message ${delivery.notification.id} is gone, or is another one`);
      }
    }
  }

  #partition({ partition }: LoggedBlock): SimulatedPartition {
    return this.#partitions[partition] as SimulatedPartition;
  }

  #boardOptions(): BoardOptions {
    const store = this.#store;
    const wall = { now: () => this.#wallMs };
    const receivers = this.#options.muted ? [] : [receiver];
    return {
      store,
      clock: wall,
      log: silent,
      config: {
        rules,
        receivers,
        routes: [valid(readRoute({ receiver: 'ops' }))],
        inhibitions: [],
        timeIntervals: [],
        externalUrl: 'http://127.0.0.1:8081',
      },
      partials: () =>
        new PartialsFeed({
          partitions: {
            partitions: PARTITIONS,
            partials: async (partition, request) => {
              const { machine } = this.#partitions[partition] as SimulatedPartition;
              machine.closeAsked(request);
              return machine.partials(request);
            },
          },
          stored: storedRollups(store),
          clock: wall,
          sleep: () => new Promise(() => {}),
        }),
      deliveries: new Deliveries(store, async () => {}),
      // Messages stay in the outbox, where they are looked at.
      sender: {
        setReceivers: () => {},
        wake: () => {
          this.#hasNews = true;
        },
      },
      onChanges: () => {},
    };
  }
}

const optionsOf = (partition: number): MachineOptions => ({
  partition,
  dedup: { idsMax: 1e6, bytesMax: 4e6, offsetsMax: 1e9 },
  dedupSeed: [1, 2],
  deadLettersMax: 10,
  columns,
});

export function describe(transition: AlarmTransition): string {
  const { atMs, rule, group, from, to, reason, severity, value } = transition;
  const where = group.map((each) => each?.replaceAll(' ', '_')).join() || '-';
  return `${clock(atMs)} ${rule} ${where} ${from}>${to} ${reason} ${severity} ${rounded(value)}`;
}

/** Two digits behind the point; of a quantile three digits are right. */
function rounded(value: number | null): string {
  if (value === null) return '-';
  return String(Number.isInteger(value) ? value : Math.round(value * 100) / 100);
}

function valid<T>(result: Result<T, unknown>): T {
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}
