/** What people change on the board. Each is checked against what exists, committed, and only then answered. */
import { isDeepStrictEqual } from 'node:util';
import type { AlarmRule } from '../../src/model/alarm.ts';
import type { Acknowledgement, AlarmProblem, Checked } from '../../src/model/alarm-board.ts';
import type {
  Delivery,
  Receiver,
  ReceiverRef,
  Route,
  Silence,
} from '../../src/model/notification.ts';
import { err, ok } from '../../src/model/result.ts';
import type { Board } from './board.ts';
import type { Deliveries } from './deliveries.ts';
import {
  MATCHERS_MAX,
  ROUTES_PER_TENANT_MAX,
  SILENCE_LASTS_MS_MAX,
  SILENCES_PER_TENANT_MAX,
  TEXT_CHARS_MAX,
} from './limits.ts';
import type { DisabledReceiver } from './machine.ts';
import {
  deliveryOps,
  disabledOp,
  receiverOp,
  routesOp,
  ruleOp,
  silenceEndOp,
  silenceOp,
} from './rows.ts';

export async function putRule(
  board: Board,
  rule: AlarmRule,
  isNew = false,
): Promise<Checked<AlarmRule>> {
  const problems = board.declarations.problemsOfRule(rule);
  if (problems.length > 0) return err(problems);
  const before = board.declarations.rules.get(rule);
  // Who has not heard the answer puts the same once more.
  if (isNew && before !== undefined && !isDeepStrictEqual(before, rule)) {
    return err([{ path: 'name', message: nameIsTaken(rule.name) }]);
  }
  board.declarations.rules.put(rule);
  board.write(ruleOp(rule.tenant, rule.name, rule));
  board.apply(board.rules.put(rule, board.nowMs, board.rules.runOf(rule)));
  board.configure();
  await board.commit();
  return ok(rule);
}

const nameIsTaken = (name: string): string =>
  `there is a rule "${name}" already: give the new one another name, or change that one`;

export async function removeRule(
  board: Board,
  tenant: string,
  name: string,
): Promise<Checked<boolean>> {
  const ref = { tenant, name };
  const { rules } = board.declarations;
  if (rules.get(ref) === undefined) return ok(false);
  const problems = board.declarations.problemsOfRule(ref);
  if (problems.length > 0) return err(problems);
  rules.delete(ref);
  board.write(ruleOp(tenant, name, undefined));
  const run = board.rules.runOf(ref);
  if (run === undefined) board.rules.drop(ref);
  else board.apply(board.rules.remove(run));
  board.configure();
  await board.commit();
  return ok(true);
}

export async function putReceiver(board: Board, receiver: Receiver): Promise<Checked<Receiver>> {
  const problems = board.declarations.problemsOfReceiver(receiver, receiver.kind);
  if (problems.length > 0) return err(problems);
  board.declarations.receivers.put(receiver);
  board.write(receiverOp(receiver, receiver));
  board.configure();
  await board.commit();
  board.tellSender();
  return ok(receiver);
}

export async function removeReceiver(
  board: Board,
  deliveries: Deliveries,
  receiver: ReceiverRef,
): Promise<Checked<boolean>> {
  const { receivers } = board.declarations;
  if (receivers.get(receiver) === undefined) return ok(false);
  const problems = board.declarations.problemsOfRemoval(receiver);
  if (problems.length > 0) return err(problems);
  receivers.delete(receiver);
  board.machine.enable(receiver);
  board.write(receiverOp(receiver), disabledOp(receiver));
  board.configure();
  board.tellSender();
  await board.commit();
  await deliveries.cancelAll(receiver);
  return ok(true);
}

export async function setRoutes(
  board: Board,
  tenant: string,
  routes: readonly Route[],
): Promise<Checked<readonly Route[]>> {
  const problems = board.declarations.problemsOfRoutes(tenant, routes);
  if (routes.length > ROUTES_PER_TENANT_MAX) {
    problems.push({
      path: '',
      message: `a tenant may have at most ${ROUTES_PER_TENANT_MAX} routes`,
    });
  }
  if (problems.length > 0) return err(problems);
  board.declarations.setRoutes(tenant, routes);
  board.write(routesOp(tenant, routes));
  board.configure();
  await board.commit();
  return ok(routes);
}

/** False: there is no such receiver. `gone` is the delivery by which it said that it takes no more. */
export async function setReceiverEnabled(
  board: Board,
  deliveries: Deliveries,
  receiver: ReceiverRef,
  isEnabled: boolean,
  gone?: Delivery,
): Promise<boolean> {
  if (board.declarations.receivers.get(receiver) === undefined) return false;
  // To enable it makes news of everything that fires: one that never was disabled has been told.
  if (isEnabled && board.machine.disabled(receiver) === undefined) return true;
  const { tenant, name } = receiver;
  const disabled: DisabledReceiver = {
    tenant,
    name,
    reason: gone === undefined ? 'operator' : 'gone',
    atMs: board.nowMs,
  };
  if (isEnabled) board.machine.enable(receiver);
  else board.machine.disable(disabled);
  board.write(
    isEnabled ? disabledOp(receiver) : disabledOp(receiver, disabled),
    ...(gone !== undefined && deliveries.isKept(gone) ? deliveryOps(gone) : []),
  );
  board.configure();
  // What is under way may still end; nothing new begins.
  if (!isEnabled) board.tellSender();
  await board.commit();
  if (isEnabled) board.tellSender();
  else await deliveries.cancelAll(receiver);
  return true;
}

export async function addSilence(board: Board, silence: Silence): Promise<Checked<Silence>> {
  const problems = problemsOfSilence(board, silence);
  if (problems.length > 0) return err(problems);
  const { silences } = board.machine;
  silences.put(silence);
  const forgotten = silences.pruneEnded(silence.tenant, board.nowMs);
  board.write(silenceOp(silence), ...forgotten.map(silenceEndOp));
  await board.commit();
  return ok(silence);
}

/** Ends it now. False: there is none, or it has ended. */
export async function expireSilence(board: Board, tenant: string, id: string): Promise<boolean> {
  const silence = board.machine.silences.get(id);
  const { nowMs } = board;
  if (silence?.tenant !== tenant || silence.endsAtMs <= nowMs) return false;
  const ended = { ...silence, startsAtMs: Math.min(silence.startsAtMs, nowMs), endsAtMs: nowMs };
  board.machine.silences.put(ended);
  board.write(silenceOp(ended));
  await board.commit();
  return true;
}

/** False: it does not fire. */
export async function acknowledge(
  board: Board,
  tenant: string,
  alarm: string,
  acknowledgement: Acknowledgement | null,
): Promise<Checked<boolean>> {
  const { author = '', comment = '' } = acknowledgement ?? {};
  const problems = textProblems({ author, comment }, 0);
  if (problems.length > 0) return err(problems);
  if (!board.machine.acknowledge(tenant, alarm, acknowledgement)) return ok(false);
  await board.commit('synced');
  return ok(true);
}

function textProblems(texts: Readonly<Record<string, string>>, charsMin: 0 | 1): AlarmProblem[] {
  const message = `expected a text of ${charsMin} to ${TEXT_CHARS_MAX} characters`;
  return Object.entries(texts).flatMap(([path, { length }]) =>
    length < charsMin || length > TEXT_CHARS_MAX ? [{ path, message }] : [],
  );
}

function problemsOfSilence(board: Board, silence: Silence): AlarmProblem[] {
  const { tenant, matchers, startsAtMs, endsAtMs, author, comment } = silence;
  const { nowMs } = board;
  const problems: AlarmProblem[] = [];
  if (matchers.length === 0 || matchers.length > MATCHERS_MAX) {
    problems.push({ path: 'matchers', message: `expected 1 to ${MATCHERS_MAX} matchers` });
  }
  if (!(endsAtMs > startsAtMs && endsAtMs > nowMs)) {
    problems.push({
      path: 'endsAt',
      message: 'expected a time behind the start and in the future',
    });
  }
  if (endsAtMs > nowMs + SILENCE_LASTS_MS_MAX) {
    problems.push({ path: 'endsAt', message: 'expected an end within 10 years' });
  }
  problems.push(...textProblems({ author, comment }, 1));
  if (board.machine.silences.countOpen(tenant, nowMs) >= SILENCES_PER_TENANT_MAX) {
    problems.push({
      path: '',
      message: `a tenant may have at most ${SILENCES_PER_TENANT_MAX} silences that have not ended`,
    });
  }
  return problems;
}
