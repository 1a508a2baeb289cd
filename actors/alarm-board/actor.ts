/** The alarm board as an actor: supervised, one message at a time, loaded again from the store after a crash. */
import type { AlarmRule } from '../../src/model/alarm.ts';
import type { SilenceView } from '../../src/model/alarm-board.ts';
import { AppError } from '../../src/model/errors.ts';
import { assertNever } from '../../src/model/result.ts';
import type { ActorSpec } from '../runtime.ts';
import type { RestartLimit } from '../supervision.ts';
import { alarmPage, countStates } from './alarm-views.ts';
import { Board, type BoardOptions } from './board.ts';
import * as commands from './commands.ts';
import { MAILBOX_MAX } from './limits.ts';
import type { BoardChange, BoardCommand, BoardQuestion, Reply } from './protocol.ts';
import { rowsFor } from './rule-test.ts';

/** As a partition's: a fault that stays costs little, and nobody has to look after it at night. */
export const BOARD_RESTART: RestartLimit = {
  maxRestarts: 8,
  withinMs: 60_000,
  backoffMinMs: 50,
  backoffMaxMs: 5_000,
  retryFailedMs: 30_000,
};

export interface BoardActorOptions extends BoardOptions {
  readonly restart: RestartLimit;
  /** Resolves when the log holds the rollups of these rules, the complete set. */
  readonly redefine: (rules: readonly AlarmRule[]) => Promise<void>;
  /** There is more to do at once: sends the next `tick`. */
  readonly again: () => void;
}

export const boardActor = (options: BoardActorOptions): ActorSpec<Board, BoardCommand> => ({
  name: 'alarms',
  mailboxMax: MAILBOX_MAX,
  keptFromAsks: 8,
  restart: options.restart,
  start: () => Board.load(options),
  receive: async (board, command) => {
    switch (command.type) {
      case 'tick':
        if (await board.tick()) options.again();
        return;
      case 'alarms':
      case 'rules':
      case 'silences':
      case 'receivers':
      case 'routes':
      case 'rowsFor':
      case 'board':
        answer(board, options, command);
        return;
      default:
        // Each change is a synced commit: many that wait must not keep rules from being judged.
        if (board.isTickOverdue && (await board.tick())) options.again();
        await change(board, options, command);
    }
  },
  stop: (board) => board.commit(),
});

/** A question changes nothing, so what is wrong with it is its answer and no crash. */
function answer(board: Board, options: BoardOptions, question: BoardQuestion): void {
  try {
    answerTo(board, options, question);
  } catch (error) {
    if (!(error instanceof AppError)) options.log.error({ err: error }, 'a question failed');
    question.replyTo(error instanceof Error ? error : new Error(String(error)));
  }
}

function answerTo(board: Board, { deliveries }: BoardOptions, question: BoardQuestion): void {
  const { machine, rules, declarations, nowMs } = board;
  switch (question.type) {
    case 'alarms':
      question.replyTo(alarmPage(question.query, rules.of(question.query.tenant), machine, nowMs));
      return;
    case 'rules':
      question.replyTo(
        rules.of(question.tenant).map((tracker) => ({
          rule: tracker.rule,
          source: declarations.rules.sourceOf(tracker.rule),
          progressMs: tracker.run.progressMs ?? null,
          groups: tracker.run.groupCount,
          states: countStates([tracker]),
        })),
      );
      return;
    case 'silences':
      question.replyTo(
        [...machine.silences.all()]
          .filter(({ tenant }) => tenant === question.tenant)
          .map((silence) => ({ silence, state: stateOf(silence, nowMs) })),
      );
      return;
    case 'receivers':
      question.replyTo(
        declarations.receivers
          .all()
          .filter(({ tenant }) => tenant === question.tenant)
          .map((receiver) => ({
            receiver,
            source: declarations.receivers.sourceOf(receiver),
            disabled: machine.disabled(receiver) ?? null,
            waiting: deliveries.waitingOf(receiver),
          })),
      );
      return;
    case 'routes':
      question.replyTo(declarations.routes(question.tenant));
      return;
    case 'rowsFor':
      question.replyTo(rowsFor(question.rule, rules.of(question.rule.tenant)));
      return;
    case 'board':
      question.replyTo(board.view(question.tenant));
      return;
    default:
      assertNever(question);
  }
}

async function change(
  board: Board,
  options: BoardActorOptions,
  command: BoardChange,
): Promise<void> {
  const { deliveries } = options;
  switch (command.type) {
    case 'putRule':
      return replyWhenDeclared(
        board,
        options,
        command.replyTo,
        commands.putRule(board, command.rule, command.isNew),
      );
    case 'removeRule': {
      const { tenant, name, replyTo } = command;
      return replyWhenDeclared(board, options, replyTo, commands.removeRule(board, tenant, name));
    }
    case 'putReceiver':
      return reply(command.replyTo, commands.putReceiver(board, command.receiver));
    case 'removeReceiver':
      return reply(command.replyTo, commands.removeReceiver(board, deliveries, command.receiver));
    case 'setRoutes':
      return reply(command.replyTo, commands.setRoutes(board, command.tenant, command.routes));
    case 'setReceiverEnabled':
      return reply(
        command.replyTo,
        commands.setReceiverEnabled(board, deliveries, command.receiver, command.isEnabled),
      );
    case 'gone':
      await commands.setReceiverEnabled(
        board,
        deliveries,
        command.receiver,
        false,
        command.delivery,
      );
      return command.replyTo(null);
    case 'addSilence':
      return reply(command.replyTo, commands.addSilence(board, command.silence));
    case 'expireSilence':
      return reply(command.replyTo, commands.expireSilence(board, command.tenant, command.id));
    case 'acknowledge':
      return reply(
        command.replyTo,
        commands.acknowledge(board, command.tenant, command.alarm, command.acknowledgement),
      );
    default:
      return assertNever(command);
  }
}

/** A change that fails may have got half way: that is a crash, which tells the asker. */
async function reply<T>(replyTo: Reply<T>, done: Promise<T>): Promise<void> {
  replyTo(await done);
}

/** In effect when partitions are told; a log that is full may hold that up, but not the board. */
async function replyWhenDeclared<T>(
  board: Board,
  { redefine }: BoardActorOptions,
  replyTo: Reply<T>,
  done: Promise<T>,
): Promise<void> {
  const answer = await done;
  redefine(board.declarations.rules.all()).then(
    () => replyTo(answer),
    (error) => replyTo(error instanceof Error ? error : new Error(String(error))),
  );
}

function stateOf(
  { startsAtMs, endsAtMs }: SilenceView['silence'],
  nowMs: number,
): SilenceView['state'] {
  if (nowMs >= endsAtMs) return 'expired';
  return nowMs < startsAtMs ? 'pending' : 'active';
}
