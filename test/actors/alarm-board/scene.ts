/** A board machine, and times and transitions as short texts. */
import {
  BoardMachine,
  type BoardSettings,
  EMPTY_BOARD,
} from '../../../actors/alarm-board/machine.ts';
import type { AlarmRule, AlarmState, AlarmTransition, Severity } from '../../../src/model/alarm.ts';
import type {
  Delivery,
  FileReceiver,
  Matcher,
  Route,
  Silence,
} from '../../../src/model/notification.ts';
import { ruleWith } from '../../alarm/ticks.ts';

export const SECOND = 1_000;
export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;
/** Noon of a Monday in UTC. */
export const START = Date.UTC(2026, 0, 5, 12);

export const rule = (changes: Partial<AlarmRule> = {}): AlarmRule =>
  ruleWith({ groupBy: ['service'], ...changes });

export const receiver = (name = 'ops', changes: Partial<FileReceiver> = {}): FileReceiver => ({
  tenant: 'acme',
  name,
  kind: 'file',
  path: `/tmp/${name}`,
  sendResolved: true,
  concurrency: 1,
  timeoutMs: 1_000,
  retry: { waitMsMin: 1_000, waitMsMax: 60_000, giveUpAfterMs: HOUR },
  ...changes,
});

export const route = (changes: Partial<Route> = {}): Route => ({
  matchers: [],
  receiver: 'ops',
  continue: false,
  groupBy: ['alertname'],
  groupWaitMs: 0,
  groupIntervalMs: MINUTE,
  repeatIntervalMs: 4 * HOUR,
  muteIn: [],
  activeIn: [],
  ...changes,
});

export const is = (label: string, value: string): Matcher => ({ label, op: 'eq', value });

export const silence = (matchers: readonly Matcher[], fromMs: number, toMs: number): Silence => ({
  id: `s${fromMs}`,
  tenant: 'acme',
  matchers,
  startsAtMs: START + fromMs,
  endsAtMs: START + toMs,
  author: 'ann',
  comment: 'planned work',
});

export const settings = (changes: Partial<BoardSettings> = {}): BoardSettings => ({
  rules: [rule()],
  receivers: [receiver()],
  routes: [route()],
  ownRoutes: new Map(),
  ownReceivers: new Map(),
  inhibitions: [],
  timeIntervals: [],
  externalUrl: 'http://gauge',
  ...changes,
});

export interface Change {
  readonly from: AlarmState;
  readonly to: AlarmState;
  readonly severity?: Severity;
  readonly escalated?: boolean;
}

/** Its clock moves when told; what it says is noted as `+minutes receiver: status service, ...`. */
export class Scene {
  readonly machine: BoardMachine;
  readonly deliveries: Delivery[] = [];
  readonly #rule: AlarmRule;
  #nowMs = START;

  constructor(changes: Partial<BoardSettings> = {}) {
    const all = settings(changes);
    this.#rule = all.rules[0] ?? rule();
    this.machine = new BoardMachine(all, EMPTY_BOARD, START);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  at(offsetMs: number): this {
    this.#nowMs = START + offsetMs;
    this.machine.advance(this.#nowMs);
    this.#take();
    return this;
  }

  change(service: string, { from, to, severity, escalated }: Change): this {
    const transition: AlarmTransition = {
      tenant: 'acme',
      rule: this.#rule.name,
      group: [service],
      from,
      to,
      reason: escalated ? 'escalated' : to === 'ok' ? 'normal' : 'abnormal',
      atMs: this.#nowMs,
      value: 1,
      threshold: 1,
      severity: severity ?? 'warning',
    };
    this.machine.take(this.#rule, [transition], this.#nowMs);
    return this;
  }
  fires(service: string, severity: Severity = 'warning'): this {
    return this.change(service, { from: 'ok', to: 'firing', severity });
  }
  resolves(service: string, severity: Severity = 'warning'): this {
    return this.change(service, { from: 'firing', to: 'ok', severity });
  }

  /** Lets the present moment decide. */
  send(): this {
    return this.at(this.#nowMs - START);
  }

  get told(): string[] {
    return this.deliveries.map(({ notification }) => {
      const { createdAtMs, receiver, alarms, truncatedAlarms } = notification;
      const lines = alarms.map(({ status, state, labels, severity }) => {
        const word = status === 'firing' && state !== 'firing' ? state : status;
        return `${word} ${labels['service']}${severity === 'warning' ? '' : ` ${severity}`}`;
      });
      const rest = truncatedAlarms === 0 ? '' : ` and ${truncatedAlarms} more`;
      return `+${(createdAtMs - START) / MINUTE} ${receiver}: ${lines.join(', ')}${rest}`;
    });
  }

  #take(): void {
    this.deliveries.push(...this.machine.takeChanges().deliveries);
  }
}
