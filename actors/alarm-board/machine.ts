/**
 * The alarm board: who is told of which alarm, and when. Transitions, commands and the time come in; rows to write and
 * notifications to send come out, to be committed together before anything else happens. No IO and no clock: what was
 * committed at any moment, loaded again and given the same inputs, makes the same notifications with the same ids.
 */
import type { AlarmRule, AlarmTransition } from '../../src/model/alarm.ts';
import type { Acknowledgement, DeclaredAlarms, HistoryEntry } from '../../src/model/alarm-board.ts';
import type {
  Delivery,
  NotifiedAlarm,
  ReceiverRef,
  Silence,
} from '../../src/model/notification.ts';
import { receiverKey } from '../../src/notify/delivery.ts';
import { compose, type Group, isDue, type Member, newGroup, type SavedGroup } from './groups.ts';
import { alarmId, hashOf } from './hashes.ts';
import { Inhibitions, type Traits } from './inhibition.ts';
import { ALARMS_MAX, GROUPS_MAX } from './limits.ts';
import { coarsest, Router, type RoutingTable, type Target } from './routing.ts';
import { Silences } from './silences.ts';
import { TimeIntervals } from './time-intervals.ts';
import {
  alarmLabels,
  type BoardAlarm,
  endedIn,
  isLoud,
  isTold,
  loudAlarm,
  NEW_ENTRY,
  resolvedAlarm,
  toldOf,
  withoutEnded,
} from './told.ts';

export interface BoardSettings extends RoutingTable, DeclaredAlarms {
  readonly externalUrl: string;
}

/** A receiver that nothing is sent to, by order or because it said that it is gone. */
export interface DisabledReceiver extends ReceiverRef {
  readonly reason: 'gone' | 'operator';
  readonly atMs: number;
}

/** Everything that the board remembers. */
export interface SavedBoard {
  /** The next one; it never goes back, so that no notification's id is ever made twice. */
  readonly sequence: number;
  readonly alarms: readonly BoardAlarm[];
  readonly groups: readonly SavedGroup[];
  readonly silences: readonly Silence[];
  readonly disabled: readonly DisabledReceiver[];
}

export const EMPTY_BOARD: SavedBoard = {
  sequence: 0,
  alarms: [],
  groups: [],
  silences: [],
  disabled: [],
};

/** Rows since the changes were last taken; undefined deletes. */
export interface BoardChanges {
  readonly sequence: number;
  readonly alarms: ReadonlyMap<string, BoardAlarm | undefined>;
  readonly groups: ReadonlyMap<string, SavedGroup | undefined>;
  readonly history: readonly HistoryEntry[];
  readonly deliveries: readonly Delivery[];
  /** Silences that ended long ago. */
  readonly forgotten: readonly Silence[];
}

interface Tracked {
  alarm: BoardAlarm;
  /** Of `alarm.current`, all four. */
  traits: Traits;
  targets: ReadonlySet<string>;
  silencedBy: readonly string[];
  /** Of the silences that `silencedBy` was found with. */
  silencesVersion: number;
}

const NOTHING: { traits: Traits; targets: ReadonlySet<string> } = {
  traits: [],
  targets: new Set(),
};

export class BoardMachine {
  readonly silences: Silences;
  readonly #alarms = new Map<string, Tracked>();
  readonly #groups = new Map<string, Group>();
  readonly #disabled: Map<string, DisabledReceiver>;
  #sequence: number;
  #dropped = 0;
  #rules: ReadonlyMap<string, AlarmRule> = new Map();
  #router!: Router;
  #inhibitions!: Inhibitions;
  #intervals!: TimeIntervals;
  #externalUrl = '';
  readonly #changedAlarms = new Set<string>();
  readonly #changedGroups = new Set<string>();
  #history: HistoryEntry[] = [];
  #deliveries: Delivery[] = [];
  #forgotten: Silence[] = [];

  constructor(settings: BoardSettings, saved: SavedBoard, nowMs: number) {
    this.#sequence = saved.sequence;
    this.silences = new Silences(saved.silences);
    this.#disabled = new Map(saved.disabled.map((receiver) => [receiverKey(receiver), receiver]));
    for (const group of saved.groups) {
      this.#groups.set(group.id, {
        saved: group,
        route: undefined,
        members: new Set(),
        hasNews: true,
      });
    }
    for (const alarm of saved.alarms) {
      this.#alarms.set(alarm.id, { alarm, ...NOTHING, silencedBy: [], silencesVersion: -1 });
      for (const id of Object.keys(alarm.entries)) this.#groups.get(id)?.members.add(alarm.id);
    }
    this.configure(settings, nowMs);
  }

  /** Other rules, receivers or routes: every alarm that fires goes to whom these say. */
  configure(settings: BoardSettings, nowMs: number): void {
    const { rules, inhibitions, timeIntervals, externalUrl } = settings;
    this.#rules = new Map(rules.map((rule) => [ruleKey(rule.tenant, rule.name), rule]));
    this.#router = new Router(settings);
    this.#inhibitions = new Inhibitions(inhibitions);
    this.#intervals = new TimeIntervals(timeIntervals);
    this.#externalUrl = externalUrl;
    for (const group of this.#groups.values()) {
      group.route = this.#router.routeOf(group.saved);
      group.hasNews = true;
    }
    // Sorted, because new groups are made in this order, whatever the order of the rows.
    for (const id of [...this.#alarms.keys()].sort()) {
      const tracked = this.#alarms.get(id);
      if (tracked === undefined) continue;
      // Sources of inhibition are counted anew.
      Object.assign(tracked, NOTHING);
      this.#route(tracked, nowMs);
      this.#dropEntries(tracked);
    }
  }

  /** Of one rule, in their order. */
  take(rule: AlarmRule, transitions: readonly AlarmTransition[], nowMs: number): void {
    for (const transition of transitions) {
      const id = alarmId(rule.tenant, rule.name, transition.group);
      this.#record(rule, transition, id, nowMs);
      if (isLoud(transition.to)) this.#fire(rule, transition, id, nowMs);
      else if (isLoud(transition.from)) this.#resolve(transition, id, nowMs);
    }
  }

  /** Makes the messages that are due. Call it after all inputs of a moment, and now and then. */
  advance(nowMs: number): void {
    const due = [...this.#groups.values()].filter((group) => isDue(group, nowMs));
    // Their sequence must not depend on the order in which groups were made or loaded.
    due.sort((a, b) => (a.saved.id < b.saved.id ? -1 : 1));
    for (const group of due) this.#flush(group, nowMs);
    this.#forgotten.push(...this.silences.prune(nowMs));
  }

  /** False: it does not fire. */
  acknowledge(tenant: string, id: string, acknowledgement: Acknowledgement | null): boolean {
    const tracked = this.#alarms.get(id);
    if (tracked === undefined || tracked.alarm.tenant !== tenant) return false;
    if (tracked.alarm.current === null) return false;
    this.#change(tracked, { acknowledgement });
    return true;
  }

  disable(receiver: DisabledReceiver): void {
    this.#disabled.set(receiverKey(receiver), receiver);
  }
  enable(receiver: ReceiverRef): void {
    this.#disabled.delete(receiverKey(receiver));
    for (const group of this.#groups.values()) {
      if (receiverKey(receiverOf(group)) === receiverKey(receiver)) this.#forgetTold(group);
    }
  }
  disabled(receiver: ReceiverRef): DisabledReceiver | undefined {
    return this.#disabled.get(receiverKey(receiver));
  }

  /** What holds for an alarm now. Undefined: it is not loud. */
  standing(id: string, nowMs: number): Standing | undefined {
    const tracked = this.#alarms.get(id);
    if (tracked === undefined || tracked.alarm.current === null) return undefined;
    return {
      current: tracked.alarm.current,
      silencedBy: this.#silencedBy(tracked, nowMs),
      isInhibited: this.#inhibitions.isInhibited(tracked.traits),
      isSuppressed: this.#isSuppressed(tracked.alarm, nowMs),
      acknowledgement: tracked.alarm.acknowledgement,
    };
  }

  /** Alarms that nobody is told of, because there were too many already. */
  get dropped(): number {
    return this.#dropped;
  }

  get hasChanges(): boolean {
    return (
      this.#changedAlarms.size +
        this.#changedGroups.size +
        this.#history.length +
        this.#forgotten.length >
      0
    );
  }

  takeChanges(): BoardChanges {
    const changes: BoardChanges = {
      sequence: this.#sequence,
      alarms: new Map([...this.#changedAlarms].map((id) => [id, this.#alarms.get(id)?.alarm])),
      groups: new Map([...this.#changedGroups].map((id) => [id, this.#groups.get(id)?.saved])),
      history: this.#history,
      deliveries: this.#deliveries,
      forgotten: this.#forgotten,
    };
    this.#changedAlarms.clear();
    this.#changedGroups.clear();
    this.#history = [];
    this.#deliveries = [];
    this.#forgotten = [];
    return changes;
  }

  /** Everything as it would be loaded; for tests. */
  save(): SavedBoard {
    return {
      sequence: this.#sequence,
      alarms: [...this.#alarms.values()].map(({ alarm }) => alarm),
      groups: [...this.#groups.values()].map(({ saved }) => saved),
      silences: [...this.silences.all()],
      disabled: [...this.#disabled.values()],
    };
  }

  #record(rule: AlarmRule, transition: AlarmTransition, alarm: string, nowMs: number): void {
    const id = `${nowMs.toString(36)}.${(this.#sequence++).toString(36)}`;
    const labels = alarmLabels(rule, transition);
    this.#history.push({ id, alarm, recordedMs: nowMs, transition, labels });
  }

  #fire(rule: AlarmRule, transition: AlarmTransition, id: string, nowMs: number): void {
    let tracked = this.#alarms.get(id);
    if (tracked === undefined) {
      if (this.#alarms.size >= ALARMS_MAX) {
        this.#dropped += 1;
        return;
      }
      const { tenant, name } = rule;
      const alarm = {
        id,
        tenant,
        rule: name,
        current: null,
        acknowledgement: null,
        entries: {},
      };
      tracked = { alarm, ...NOTHING, silencedBy: [], silencesVersion: -1 };
      this.#alarms.set(id, tracked);
    }
    const { current: before, acknowledgement } = tracked.alarm;
    const current = loudAlarm(rule, transition, before);
    this.#change(tracked, {
      current,
      acknowledgement: transition.reason === 'escalated' ? null : acknowledgement,
    });
    this.#route(tracked, nowMs);
    this.#dropEntries(tracked);
  }

  #resolve(transition: AlarmTransition, id: string, nowMs: number): void {
    const tracked = this.#alarms.get(id);
    const current = tracked?.alarm.current;
    if (tracked === undefined || !current) return;
    const isQuiet =
      this.#silencedBy(tracked, nowMs).length > 0 ||
      this.#inhibitions.isInhibited(tracked.traits) ||
      this.#isSuppressed(tracked.alarm, nowMs);
    const resolved = resolvedAlarm(current, transition);
    const entries = Object.entries(tracked.alarm.entries).map(([groupId, entry]) => {
      const group = this.#groups.get(groupId);
      if (group === undefined) return [groupId, entry] as const;
      group.hasNews = true;
      const receiver = this.#router.receiver(tracked.alarm.tenant, group.saved.receiver);
      const isItsEnd =
        isTold(entry, current) ||
        (tracked.targets.has(groupId) && !isQuiet && !this.#isMuted(group, nowMs));
      const isToTell = isItsEnd && receiver?.sendResolved === true;
      return [groupId, endedIn(entry, resolved, isToTell)] as const;
    });
    this.#inhibitions.count(tracked.traits, -1);
    Object.assign(tracked, NOTHING);
    this.#change(tracked, {
      current: null,
      acknowledgement: null,
      entries: Object.fromEntries(entries),
    });
    this.#dropEntries(tracked);
  }

  /** Finds the groups of an alarm that is loud, and enters it there. */
  #route(tracked: Tracked, nowMs: number): void {
    const { current } = tracked.alarm;
    if (current === null) return;
    this.#inhibitions.count(tracked.traits, -1);
    tracked.traits = this.#inhibitions.traitsOf(current.labels);
    this.#inhibitions.count(tracked.traits, 1);
    tracked.silencesVersion = -1;
    const entries = { ...tracked.alarm.entries };
    const known = Object.keys(entries).length;
    const targets = new Set<string>();
    for (const target of this.#router.targetsOf(current.labels)) {
      const group = this.#groupOf(target, nowMs);
      targets.add(group.saved.id);
      group.members.add(tracked.alarm.id);
      group.hasNews = true;
      entries[group.saved.id] ??= NEW_ENTRY;
    }
    tracked.targets = targets;
    if (Object.keys(entries).length > known) this.#change(tracked, { entries });
  }

  #groupOf(target: Target, nowMs: number): Group {
    const known = this.#groups.get(target.groupId);
    if (known !== undefined) {
      known.route = target.route;
      return known;
    }
    const wanted = this.#groups.size < GROUPS_MAX ? target : coarsest(target);
    const group = this.#groups.get(wanted.groupId) ?? newGroup(wanted, nowMs);
    group.route = target.route;
    this.#groups.set(wanted.groupId, group);
    this.#changedGroups.add(wanted.groupId);
    return group;
  }

  /** Entries that have nothing more to say, the alarm if it has none left, and groups that are empty. */
  #dropEntries(tracked: Tracked): void {
    const { alarm, targets } = tracked;
    const kept = Object.entries(alarm.entries).filter(([groupId, entry]) => {
      const group = this.#groups.get(groupId);
      const hasReceiver =
        group !== undefined &&
        this.#router.receiver(alarm.tenant, group.saved.receiver) !== undefined;
      const isLive = alarm.current !== null && (targets.has(groupId) || entry.told !== null);
      if (hasReceiver && (isLive || entry.ended.length > 0)) return true;
      group?.members.delete(alarm.id);
      if (group?.members.size === 0) {
        this.#groups.delete(groupId);
        this.#changedGroups.add(groupId);
      }
      return false;
    });
    if (kept.length < Object.keys(alarm.entries).length) {
      this.#change(tracked, { entries: Object.fromEntries(kept) });
    }
    if (alarm.current === null && kept.length === 0) this.#alarms.delete(alarm.id);
  }

  /** What was cancelled was told to nobody, so everything that still fires is news. */
  #forgetTold(group: Group): void {
    group.hasNews = true;
    for (const id of group.members) {
      const tracked = this.#alarms.get(id);
      const entry = tracked?.alarm.entries[group.saved.id];
      if (tracked === undefined || !entry?.told) continue;
      const { entries } = tracked.alarm;
      this.#change(tracked, {
        entries: { ...entries, [group.saved.id]: { ...entry, told: null } },
      });
    }
  }

  #flush(group: Group, nowMs: number): void {
    if (this.#isMuted(group, nowMs)) return;
    const composed = compose(group, this.#members(group, nowMs), nowMs);
    group.hasNews = composed.hasNews;
    if (composed.message === undefined) return;
    const { lines, truncated } = composed.message;
    const alarms = lines.map(({ alarm }) => alarm);
    this.#deliveries.push(this.#delivery(group.saved, alarms, truncated, nowMs));
    group.saved = { ...group.saved, flushedMs: nowMs };
    this.#changedGroups.add(group.saved.id);
    const told = new Set(alarms);
    for (const id of new Set(lines.map((line) => line.id))) {
      const tracked = this.#alarms.get(id);
      const entry = tracked?.alarm.entries[group.saved.id];
      if (tracked === undefined || entry === undefined) continue;
      const { current, entries } = tracked.alarm;
      const rest = withoutEnded(entry, told);
      const after = current !== null && told.has(current) ? toldOf(rest, current) : rest;
      this.#change(tracked, { entries: { ...entries, [group.saved.id]: after } });
      this.#dropEntries(tracked);
    }
  }

  *#members(group: Group, nowMs: number): Generator<Member> {
    for (const id of group.members) {
      const tracked = this.#alarms.get(id);
      const entry = tracked?.alarm.entries[group.saved.id];
      if (tracked === undefined || entry === undefined) continue;
      const { alarm } = tracked;
      yield {
        id,
        entry,
        current: tracked.targets.has(group.saved.id) ? (alarm.current ?? undefined) : undefined,
        isHushed:
          this.#silencedBy(tracked, nowMs).length > 0 ||
          this.#inhibitions.isInhibited(tracked.traits),
        isSuppressed: this.#isSuppressed(alarm, nowMs),
        isAcknowledged: alarm.acknowledgement !== null,
      };
    }
  }

  #delivery(
    { tenant, receiver, groupKey, labels }: SavedGroup,
    alarms: readonly NotifiedAlarm[],
    truncatedAlarms: number,
    nowMs: number,
  ): Delivery {
    const sequence = this.#sequence++;
    return {
      notification: {
        id: hashOf([tenant, receiver, groupKey, sequence], 32),
        tenant,
        receiver,
        createdAtMs: nowMs,
        groupKey,
        groupLabels: labels,
        externalUrl: this.#externalUrl,
        alarms,
        truncatedAlarms,
      },
      sequence,
      state: 'waiting',
      attemptCount: 0,
      attempts: [],
    };
  }

  /** Nothing at all is sent to the group now. */
  #isMuted(group: Group, nowMs: number): boolean {
    if (this.#disabled.has(receiverKey(receiverOf(group)))) return true;
    if (group.route === undefined) return false;
    const { muteIn, activeIn } = group.route;
    const isActive = activeIn.length === 0 || this.#intervals.isWithin(activeIn, nowMs);
    return !isActive || this.#intervals.isWithin(muteIn, nowMs);
  }

  #isSuppressed({ tenant, rule }: BoardAlarm, nowMs: number): boolean {
    const names = this.#rules.get(ruleKey(tenant, rule))?.suppress ?? [];
    return names.length > 0 && this.#intervals.isWithin(names, nowMs);
  }

  #silencedBy(tracked: Tracked, nowMs: number): readonly string[] {
    const { current } = tracked.alarm;
    if (current === null) return [];
    const version = this.silences.versionAt(nowMs);
    if (version !== tracked.silencesVersion) {
      tracked.silencedBy = this.silences.silencing(current.labels, nowMs);
      tracked.silencesVersion = version;
    }
    return tracked.silencedBy;
  }

  #change(tracked: Tracked, change: Partial<BoardAlarm>): void {
    tracked.alarm = { ...tracked.alarm, ...change };
    this.#changedAlarms.add(tracked.alarm.id);
  }
}

/** What is to be said of an alarm that is loud. */
export interface Standing {
  readonly current: NotifiedAlarm;
  readonly silencedBy: readonly string[];
  readonly isInhibited: boolean;
  readonly isSuppressed: boolean;
  readonly acknowledgement: Acknowledgement | null;
}

const ruleKey = (tenant: string, name: string): string => JSON.stringify([tenant, name]);
const receiverOf = ({ saved }: Group): ReceiverRef => ({
  tenant: saved.tenant,
  name: saved.receiver,
});
