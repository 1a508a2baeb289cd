/**
 * The alarm board at work, from when it begins to evaluate until nobody is told of anything any more: its actor, who sends its
 * notifications, and who declares its rules. All that lasts is in the store, so the next one goes on with it.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BOARD_RESTART, type BoardActorOptions, boardActor } from '../actors/alarm-board/actor.ts';
import type { ConfiguredAlarms } from '../actors/alarm-board/declarations.ts';
import { Deliveries } from '../actors/alarm-board/deliveries.ts';
import { ASK_TIMEOUT_MS, POLL_INTERVAL_MS } from '../actors/alarm-board/limits.ts';
import type { BoardCommand } from '../actors/alarm-board/protocol.ts';
import { type ActorRef, type ActorSnapshot, ActorSystem } from '../actors/runtime.ts';
import type { ListingStore } from '../storage/state/state.ts';
import { Declarer } from './declarer.ts';
import type { AlarmRule } from './model/alarm.ts';
import type { BoardView, HistoryEntry } from './model/alarm-board.ts';
import { systemClock } from './model/clock.ts';
import { AppError, undefinedIfFault } from './model/errors.ts';
import type { Logger } from './model/logger.ts';
import type { Partials } from './model/partials.ts';
import { Dispatcher } from './notify/dispatcher.ts';
import { createSenders } from './notify/senders.ts';
import { systemTimer } from './notify/timer.ts';

/** How long attempts under way may take to end; what is cut off waits in the store. */
const CLOSE_GRACE_MS = 2_000;

export interface AlarmRunOptions {
  readonly store: ListingStore;
  readonly config: ConfiguredAlarms;
  readonly isColoured: boolean;
  /** Follows nothing yet: a board that starts again begins with a new one. */
  readonly partials: () => Partials;
  readonly redefine: (rules: readonly AlarmRule[]) => Promise<void>;
  readonly onChanges: (changes: readonly HistoryEntry[]) => void;
  /** False: no attempt begins, as another may be sending. */
  readonly mayTell: () => boolean;
  readonly log: Logger;
}

export class AlarmRun {
  readonly deliveries: Deliveries;
  readonly dispatcher: Dispatcher;
  readonly board: ActorRef<BoardCommand>;
  readonly #declarer: Declarer<AlarmRule>;
  readonly #system: ActorSystem;
  readonly #timer: NodeJS.Timeout;
  /** One look waits at most, however many questions do: these must not keep the board from evaluating. */
  #isTickWaiting = false;

  constructor(options: AlarmRunOptions) {
    const { store, log, redefine } = options;
    this.deliveries = new Deliveries(store, async (receiver, delivery) => {
      await this.board.ask<null>(
        (replyTo) => ({ type: 'gone', receiver, delivery, replyTo }),
        ASK_TIMEOUT_MS,
      );
    });
    this.dispatcher = dispatcherOf(this.deliveries, options);
    this.#declarer = new Declarer({
      what: 'alarm rules',
      redefine,
      clock: systemClock,
      sleep: (ms) => sleep(ms, undefined, { ref: false }),
      log,
    });
    this.#system = new ActorSystem({
      clock: systemClock,
      random: Math.random,
      sleep: (ms) => sleep(ms),
      log,
    });
    this.board = this.#startBoard(options);
    this.#timer = setInterval(() => this.#tick(), POLL_INTERVAL_MS);
  }

  /** What fails is tried again, and said. */
  declare(rules: readonly AlarmRule[]): void {
    void this.#declarer.declare(rules).catch(undefinedIfFault);
  }

  actors(): ActorSnapshot[] {
    return this.#system.snapshot();
  }

  /** Undefined while the board does not answer. */
  async view(): Promise<BoardView | undefined> {
    return this.board
      .ask<BoardView>((replyTo) => ({ type: 'board', replyTo }), ASK_TIMEOUT_MS)
      .catch(undefinedIfFault);
  }

  /** Nobody is told of anything once it resolves. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#declarer.close();
    await this.dispatcher.close(CLOSE_GRACE_MS);
    await this.#system.stop();
  }

  #startBoard(options: AlarmRunOptions): ActorRef<BoardCommand> {
    const { store, config, partials, onChanges, log } = options;
    const boardOptions: BoardActorOptions = {
      ...{ store, config, partials, onChanges, log },
      clock: systemClock,
      deliveries: this.deliveries,
      sender: this.dispatcher,
      restart: BOARD_RESTART,
      redefine: (rules) => this.#declarer.declare(rules),
      again: () => this.#tick(),
    };
    const spec = boardActor(boardOptions);
    return this.#system.spawn('board', {
      ...spec,
      receive: (state, command) => {
        if (command.type === 'tick') this.#isTickWaiting = false;
        return spec.receive(state, command);
      },
      // What waited is lost.
      crashed: () => {
        this.#isTickWaiting = false;
      },
    });
  }

  #tick(): void {
    if (!this.#isTickWaiting)
      this.#isTickWaiting = this.board.offer({ type: 'tick' }) === 'accepted';
  }
}

function dispatcherOf(
  deliveries: Deliveries,
  { isColoured, mayTell, log }: AlarmRunOptions,
): Dispatcher {
  return new Dispatcher({
    port: {
      waiting: (receiver, after, limit) => deliveries.waiting(receiver, after, limit),
      load: async (id) => {
        if (mayTell()) return deliveries.load(id);
        throw new AppError('not_leader', 'another node may be sending: this one waits');
      },
      record: (delivery) => deliveries.record(delivery),
      gone: (receiver, delivery) => deliveries.gone(receiver, delivery),
    },
    senders: createSenders({
      clock: systemClock,
      terminal: process.stdout,
      colour: isColoured,
      log,
    }),
    clock: systemClock,
    timer: systemTimer,
    random: Math.random,
    log,
  });
}
