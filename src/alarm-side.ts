/**
 * The alarm side put together: the board's actor, what it follows, and who sends its notifications. Loaded with the query
 * side, behind the first accepted event.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { BOARD_RESTART, type BoardActorOptions, boardActor } from '../actors/alarm-board/actor.ts';
import { Deliveries } from '../actors/alarm-board/deliveries.ts';
import { ASK_TIMEOUT_MS, POLL_INTERVAL_MS } from '../actors/alarm-board/limits.ts';
import type { BoardCommand } from '../actors/alarm-board/protocol.ts';
import { type ActorRef, type ActorSnapshot, ActorSystem } from '../actors/runtime.ts';
import { rollupsOf } from './alarm/compile.ts';
import { serverRules } from './alarm/server-rules.ts';
import { type AlarmPortSources, ChangeListeners, createAlarmPort } from './alarm-port.ts';
import type { Config } from './config.ts';
import type { Foundation } from './foundation.ts';
import type { AlarmRule } from './model/alarm.ts';
import type { BoardView } from './model/alarm-board.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Partials } from './model/partials.ts';
import { Dispatcher } from './notify/dispatcher.ts';
import { createSenders } from './notify/senders.ts';
import { systemTimer } from './notify/timer.ts';
import type { AlarmBoardPort } from './query/alarms-port.ts';
import { RuleDeclarer } from './rule-declarer.ts';

/** How long attempts under way may take to end when the server stops; what is cut off waits in the store. */
const CLOSE_GRACE_MS = 2_000;

/** For metrics. */
export interface AlarmNumbers extends BoardView {
  /** How attempts to deliver ended since the start, and deliveries that were given up. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface AlarmSide {
  readonly port: AlarmBoardPort;
  /** Begins to evaluate. `externalUrl` is where people look when they are told. */
  start(externalUrl: string): void;
  actors(): ActorSnapshot[];
  /** Undefined while the board does not answer. */
  numbers(): Promise<AlarmNumbers | undefined>;
  close(): Promise<void>;
}

function configuredRules({ alarms: { rules, server } }: Config): readonly AlarmRule[] {
  return server.isEnabled ? [...rules, ...serverRules(server)] : rules;
}

/** Lines between those of the program's log are coloured when it is one for people. */
const isColoured = (format: Config['logging']['format']): boolean =>
  process.stdout.isTTY && format !== 'json' && process.stdout.hasColors();

/**
 * `partials` makes a feed that follows nothing yet: a board that starts again begins with a new one. `rowsOf` finds rows for
 * rules that are only tried.
 */
export function createAlarmSide(
  base: Foundation,
  partials: () => Partials,
  rowsOf: AlarmPortSources['rowsOf'],
): AlarmSide {
  const { config, state, declarations } = base;
  const log = base.logger.child({ component: 'alarms' });
  const listeners = new ChangeListeners();
  let feed = partials();
  let externalUrl = '';
  let board: ActorRef<BoardCommand> | undefined;
  const runningBoard = (): ActorRef<BoardCommand> => {
    if (board === undefined) throw new AppError('actor_stopped', 'the alarm board has not started');
    return board;
  };

  const deliveries = new Deliveries(state, async (receiver, delivery) => {
    await runningBoard().ask<null>(
      (replyTo) => ({ type: 'gone', receiver, delivery, replyTo }),
      ASK_TIMEOUT_MS,
    );
  });
  const dispatcher = new Dispatcher({
    port: deliveries,
    senders: createSenders({
      clock: systemClock,
      terminal: process.stdout,
      colour: isColoured(config.logging.format),
      log,
    }),
    clock: systemClock,
    timer: systemTimer,
    random: Math.random,
    log,
  });
  const system = new ActorSystem({
    clock: systemClock,
    random: Math.random,
    sleep: (ms) => sleep(ms),
    log,
  });

  const declarer = new RuleDeclarer({
    redefine: (rules) => declarations.redefine([...config.rollups, ...rollupsOf(rules)]),
    clock: systemClock,
    sleep: (ms) => sleep(ms, undefined, { ref: false }),
    log,
  });
  const optionsAt = (url: string): BoardActorOptions => ({
    store: state,
    clock: systemClock,
    log,
    config: { ...config.alarms, rules: configuredRules(config), externalUrl: url },
    partials: () => {
      feed = partials();
      return feed;
    },
    deliveries,
    sender: dispatcher,
    onChanges: (changes) => listeners.tell(changes),
    restart: BOARD_RESTART,
    redefine: (rules) => declarer.declare(rules),
    again: tick,
  });

  let isTickWaiting = false;
  /** One look waits at most, however many questions do: these must not keep the board from evaluating. */
  function tick(): void {
    if (!isTickWaiting) isTickWaiting = runningBoard().offer({ type: 'tick' }) === 'accepted';
  }
  function startBoard(url: string): ActorRef<BoardCommand> {
    const spec = boardActor(optionsAt(url));
    return system.spawn('board', {
      ...spec,
      receive: (state, command) => {
        if (command.type === 'tick') isTickWaiting = false;
        return spec.receive(state, command);
      },
      // What waited is lost.
      crashed: () => {
        isTickWaiting = false;
      },
    });
  }

  let timer: NodeJS.Timeout | undefined;
  return {
    port: createAlarmPort(
      {
        board: runningBoard,
        store: state,
        deliveries,
        dispatcher,
        partials: () => feed,
        rowsOf,
        clock: systemClock,
        externalUrl: () => externalUrl,
      },
      listeners,
    ),
    start(url) {
      externalUrl = url;
      board = startBoard(url);
      timer = setInterval(tick, POLL_INTERVAL_MS);
    },
    actors: () => system.snapshot(),
    async numbers() {
      try {
        const view = await runningBoard().ask<BoardView>(
          (replyTo) => ({ type: 'board', replyTo }),
          ASK_TIMEOUT_MS,
        );
        return { ...view, outcomes: { ...deliveries.outcomes } };
      } catch (error) {
        if (error instanceof AppError) return undefined;
        throw error;
      }
    },
    async close() {
      clearInterval(timer);
      declarer.close();
      await dispatcher.close(CLOSE_GRACE_MS);
      await system.stop();
    },
  };
}
