/** Leading goes from node to node, and the alarms with it: what is told is what a single server would have told, under the same ids. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Board } from '../../actors/alarm-board/board.ts';
import * as commands from '../../actors/alarm-board/commands.ts';
import { Deliveries } from '../../actors/alarm-board/deliveries.ts';
import { alarmId } from '../../actors/alarm-board/hashes.ts';
import { allIn } from '../../actors/alarm-board/rows.ts';
import type { HistoryEntry } from '../../src/model/alarm-board.ts';
import { AppError } from '../../src/model/errors.ts';
import type { Delivery } from '../../src/model/notification.ts';
import { CheckpointStore } from '../../storage/checkpoint/checkpoint-store.ts';
import { LedChanges } from '../../storage/checkpoint/led-changes.ts';
import { takeChain } from '../../storage/checkpoint/take-chain.ts';
import { BOARD_ROW, boardRange } from '../../storage/state/board-keys.ts';
import { STATE_VERSION } from '../../storage/state/rocksdb.ts';
import type { ListingStore } from '../../storage/state/state.ts';
import { FakePartials } from '../actors/alarm-board/fake-partials.ts';
import { is, receiver, route, rule, SECOND, START, silence } from '../actors/alarm-board/scene.ts';
import { MemoryStore } from '../simulation/memory-store.ts';
import { MemoryArchive } from '../storage/archive/memory-archive.ts';
import { silent } from '../storage/archive/silent.ts';

const STEPS = 24;
const STEP_MS = 2 * SECOND;
const CONFIG = {
  rules: [
    rule({
      name: 'many',
      everyMs: SECOND,
      windowMs: 5 * SECOND,
      condition: { kind: 'threshold', above: { fire: 3, clear: 3 } },
      forMs: 2 * SECOND,
    }),
  ],
  receivers: [receiver()],
  routes: [
    route({
      groupBy: ['alertname', 'service'],
      groupWaitMs: SECOND,
      groupIntervalMs: 4 * SECOND,
      repeatIntervalMs: 12 * SECOND,
    }),
  ],
  inhibitions: [],
  timeIntervals: [],
  externalUrl: 'http://gauge',
};

/** `api` fires and resolves, `db` is silenced meanwhile, `web` fires on. */
const burst = (group: string, fromMs: number, toMs: number) =>
  Array.from({ length: (toMs - fromMs) / 500 }, (_, i) => ({
    ...{ atMs: START + fromMs + i * 500, partition: i % 3, group: [group] },
  }));
const EVENTS = [
  ...burst('api', 2_000, 20_000),
  ...burst('db', 4_000, 30_000),
  ...burst('web', 8_000, 60_000),
];

type Move = 'given' | 'died' | 'overtaken';

interface Told {
  readonly deliveries: readonly Delivery[];
  readonly history: readonly HistoryEntry[];
  readonly silences: readonly unknown[];
  readonly alarms: readonly unknown[];
}

test('wherever the lead moves, alarms go on as if it had stayed: told once, acknowledged, silenced, resolved', async (t) => {
  const expected = await play(new Map());
  t.true(expected.deliveries.length > 5, `${expected.deliveries.length} is little`);
  t.true(expected.history.some(({ transition }) => transition.to === 'ok'));
  t.regex(JSON.stringify(expected.alarms), /on it/);
  for (const move of ['given', 'died', 'overtaken'] as const) {
    for (let step = 0; step < STEPS; step += 3) {
      const seen = await play(new Map([[step, move]]));
      t.deepEqual(seen, expected, `${move} before step ${step}`);
    }
  }
  const each = Array.from({ length: STEPS }, (_, step): [number, Move] => [step, 'died']);
  t.deepEqual(await play(new Map(each)), expected, 'before each step');
});

interface Node {
  readonly board: Board;
  readonly led: LedChanges;
  readonly store: ListingStore;
  /** Of what it has told. */
  readonly heard: HistoryEntry[];
}

async function play(moves: ReadonlyMap<number, Move>): Promise<Told> {
  let nowMs = START;
  const clock = { now: () => nowMs };
  const archive = new MemoryArchive({ clock });
  const workDir = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  let life = 0;
  async function lead(): Promise<Node> {
    const memory = new MemoryStore();
    const { chain } = await takeChain({
      store: new CheckpointStore({ archive, logId: 'x', log: silent, clock }),
      ...{ state: memory, local: undefined, life: ++life, workDir, log: silent },
      ...{ stateVersion: STATE_VERSION, partitions: 3 },
      sleep: () => new Promise(() => undefined),
    });
    const led = new LedChanges({
      ...{ chain, state: memory, log: silent, onLost: () => undefined },
      // What can wait goes with what can not.
      sleep: () => new Promise(() => undefined),
    });
    const store: ListingStore = {
      getMany: (keys) => memory.getMany(keys),
      page: (range, rowsMax) => memory.page(range, rowsMax),
      pageDown: (range, rowsMax) => memory.pageDown(range, rowsMax),
      clear: (range) => memory.clear(range),
      commit: (ops, durability) => led.commit(ops, durability),
    };
    const heard: HistoryEntry[] = [];
    const board = await Board.load({
      ...{ store, clock, log: silent, config: CONFIG },
      partials: () => new FakePartials(START, EVENTS, () => nowMs - SECOND, life % 2 === 0),
      deliveries: new Deliveries(store, async () => {}),
      sender: { setReceivers() {}, wake() {} },
      onChanges: (changes) => heard.push(...changes),
    });
    return { board, led, store, heard };
  }

  try {
    let leader = await lead();
    const overtaken: Node[] = [];
    for (let step = 0; step < STEPS; step++) {
      nowMs += STEP_MS;
      const move = moves.get(step);
      if (move !== undefined) {
        if (move === 'given') await leader.led.flush();
        if (move === 'overtaken') overtaken.push(leader);
        else await leader.led.end();
        leader = await lead();
      }
      for (const node of overtaken) await refuseToTell(node);
      await act(leader.board, step, nowMs);
      while (await leader.board.tick());
    }
    const { store } = leader;
    return {
      deliveries: await allIn<Delivery>(store, boardRange(BOARD_ROW.delivery)),
      history: await allIn<HistoryEntry>(store, boardRange(BOARD_ROW.history)),
      silences: await allIn<unknown>(store, boardRange(BOARD_ROW.silence)),
      alarms: await allIn<unknown>(store, boardRange(BOARD_ROW.alarm)),
    };
  } finally {
    await rm(workDir, { recursive: true, force: true });
  }
}

/** It does not know yet that another leads, and goes on judging. */
async function refuseToTell({ board, heard }: Node): Promise<void> {
  const before = heard.length;
  try {
    while (await board.tick());
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'not_leader') throw error;
  }
  if (heard.length > before) throw new Error('an overtaken leader has told of an alarm');
}

async function act(board: Board, step: number, nowMs: number): Promise<void> {
  const offsetMs = nowMs - START;
  if (step === 3) {
    await commands.addSilence(
      board,
      silence([is('service', 'db')], offsetMs, offsetMs + 16 * SECOND),
    );
  } else if (step === 9) {
    const by = { author: 'ann', comment: 'on it', atMs: nowMs };
    await commands.acknowledge(board, 'acme', alarmId('acme', 'many', ['web']), by);
  }
}
