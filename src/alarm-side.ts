/**
 * The alarm side put together: the board's actor, what it follows, and who sends its notifications. Loaded with the query
 * side, behind the first accepted event. Of several nodes one runs it at a time: it can be stopped, and started again.
 */
import type { Deliveries } from '../actors/alarm-board/deliveries.ts';
import type { ActorSnapshot } from '../actors/runtime.ts';
import { rollupsOf } from './alarm/compile.ts';
import { serverRules } from './alarm/server-rules.ts';
import { type AlarmPortSources, ChangeListeners, createAlarmPort } from './alarm-port.ts';
import { AlarmRun } from './alarm-run.ts';
import type { Config } from './config.ts';
import type { Foundation } from './foundation.ts';
import type { AlarmRule } from './model/alarm.ts';
import type { BoardView } from './model/alarm-board.ts';
import { systemClock } from './model/clock.ts';
import { AppError } from './model/errors.ts';
import type { Partials } from './model/partials.ts';
import type { AlarmBoardPort } from './query/alarms-port.ts';

/** For metrics. */
export interface AlarmNumbers extends BoardView {
  /** How attempts to deliver ended since the start, and deliveries that were given up. */
  readonly outcomes: Readonly<Record<string, number>>;
}

export interface AlarmSide {
  readonly port: AlarmBoardPort;
  /** Begins to evaluate, on what the state has now. `externalUrl` is where people look when they are told. */
  start(externalUrl: string): void;
  /** Tells the partitions what the rules shall count, all of them anew; what fails is tried again. */
  declare(rules: readonly AlarmRule[]): void;
  /** Nobody is told of anything once it resolves; until the next start all that is asked of the port is refused. */
  stop(): Promise<void>;
  actors(): ActorSnapshot[];
  /** Undefined while the board does not answer, or has not started. */
  numbers(): Promise<AlarmNumbers | undefined>;
}

function configuredRules({ alarms: { rules, server } }: Config): readonly AlarmRule[] {
  return server.isEnabled ? [...rules, ...serverRules(server)] : rules;
}

/** Lines between those of the program's log are coloured when it is one for people. */
const isColoured = (format: Config['logging']['format']): boolean =>
  process.stdout.isTTY && format !== 'json' && process.stdout.hasColors();

/**
 * `partials` makes a feed that follows nothing yet: a board that starts again begins with a new one. `rowsOf` finds rows for
 * rules that are only tried. While `mayTell` is false no attempt to send begins.
 */
export function createAlarmSide(
  base: Foundation,
  partials: () => Partials,
  rowsOf: AlarmPortSources['rowsOf'],
  mayTell: () => boolean = () => true,
): AlarmSide {
  const { config, state, declarations } = base;
  const log = base.logger.child({ component: 'alarms' });
  const listeners = new ChangeListeners();
  let feed = partials();
  let externalUrl = '';
  let run: AlarmRun | undefined;
  /** Of runs that are over, by outcome. */
  const outcomesBefore = new Map<string, number>();
  const running = (): AlarmRun => {
    if (run === undefined) throw new AppError('actor_stopped', 'the alarm board has not started');
    return run;
  };
  const outcomes = ({ outcomes }: Deliveries): Record<string, number> =>
    Object.fromEntries(
      Object.entries(outcomes).map(([name, count]) => [
        name,
        count + (outcomesBefore.get(name) ?? 0),
      ]),
    );

  return {
    port: createAlarmPort(
      {
        board: () => running().board,
        store: state,
        deliveries: () => running().deliveries,
        dispatcher: () => running().dispatcher,
        partials: () => feed,
        rowsOf,
        clock: systemClock,
        externalUrl: () => externalUrl,
      },
      listeners,
    ),
    start(url) {
      externalUrl = url;
      run = new AlarmRun({
        store: state,
        config: { ...config.alarms, rules: configuredRules(config), externalUrl: url },
        isColoured: isColoured(config.logging.format),
        partials: () => {
          feed = partials();
          return feed;
        },
        redefine: (rules) => declarations.redefine({ rules: rollupsOf(rules) }),
        onChanges: (changes) => listeners.tell(changes),
        mayTell,
        log,
      });
    },
    declare: (rules) => running().declare(rules),
    async stop() {
      const ending = run;
      run = undefined;
      await ending?.stop();
      if (ending === undefined) return;
      for (const [name, count] of Object.entries(outcomes(ending.deliveries))) {
        outcomesBefore.set(name, count);
      }
    },
    actors: () => run?.actors() ?? [],
    async numbers() {
      const asked = run;
      const view = await asked?.view();
      return asked && view && { ...view, outcomes: outcomes(asked.deliveries) };
    },
  };
}
