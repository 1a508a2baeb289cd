/**
 * Who is to be told of an alarm. The configuration's routes and a tenant's own are tried apart, so that neither can take
 * the other's alarms away; in each the first that matches decides, and those behind it only if it says `continue`. Pure.
 */
import { type Receiver, type Route, routeToEverything } from '../../src/model/notification.ts';
import { receiverKey } from '../../src/notify/delivery.ts';
import { hashOf } from './hashes.ts';
import {
  compileMatchers,
  type Labels,
  type LabelTest,
  labelsText,
  matchersText,
} from './matchers.ts';

export interface RoutingTable {
  readonly receivers: readonly Receiver[];
  /** For the receivers of that name in each tenant. */
  readonly routes: readonly Route[];
  /** By tenant. */
  readonly ownRoutes: ReadonlyMap<string, readonly Route[]>;
  /** Names of receivers that were added by mutation, by tenant: without routes of their own they are told of everything. */
  readonly ownReceivers: ReadonlyMap<string, readonly string[]>;
}

/** One group of one receiver that an alarm belongs to. */
export interface Target {
  readonly groupId: string;
  readonly receiver: Receiver;
  readonly route: Route;
  readonly groupKey: string;
  readonly groupLabels: Labels;
}

interface Compiled {
  readonly route: Route;
  readonly test: LabelTest;
  /** The first part of the keys of its groups. */
  readonly key: string;
}

export class Router {
  readonly #receivers: ReadonlyMap<string, Receiver>;
  readonly #routes: readonly Compiled[];
  readonly #own: ReadonlyMap<string, readonly Compiled[]>;

  constructor({ receivers, routes, ownRoutes, ownReceivers }: RoutingTable) {
    this.#receivers = new Map(receivers.map((receiver) => [receiverKey(receiver), receiver]));
    this.#routes = routes.map(compiled);
    const own = new Map<string, readonly Compiled[]>();
    for (const [tenant, names] of ownReceivers) {
      own.set(tenant, names.map(routeToEverything).map(compiled));
    }
    for (const [tenant, list] of ownRoutes) {
      if (list.length > 0) own.set(tenant, list.map(compiled));
    }
    this.#own = own;
  }

  receiver(tenant: string, name: string): Receiver | undefined {
    return this.#receivers.get(receiverKey({ tenant, name }));
  }

  /** The route that a group of this key was made by; undefined if there is none like it any more. */
  routeOf(group: {
    readonly tenant: string;
    readonly receiver: string;
    readonly groupKey: string;
    readonly labels: Labels;
  }): Route | undefined {
    const { tenant, receiver, groupKey, labels } = group;
    const names = Object.keys(labels).sort().join();
    const isOf = ({ key, route }: Compiled): boolean =>
      route.receiver === receiver &&
      groupKey.startsWith(`${key}:`) &&
      // The coarsest group of a route has no labels.
      (names === '' || [...new Set(route.groupBy)].sort().join() === names);
    return [...this.#routes, ...(this.#own.get(tenant) ?? [])].find(isOf)?.route;
  }

  /** Each group once. */
  targetsOf(labels: Labels): Target[] {
    const targets = new Map<string, Target>();
    const tenant = labels['tenant'] ?? '';
    for (const list of [this.#routes, this.#own.get(tenant) ?? []]) {
      for (const compiled of list) {
        // A route to a receiver that this tenant does not have is not one for its alarms.
        const receiver = this.receiver(tenant, compiled.route.receiver);
        if (receiver === undefined || !compiled.test(labels)) continue;
        const target = targetOf(compiled, receiver, labels);
        if (!targets.has(target.groupId)) targets.set(target.groupId, target);
        if (!compiled.route.continue) break;
      }
    }
    return [...targets.values()];
  }
}

/** The group that takes in every alarm of a route: for when there are more groups than there may be. */
export const coarsest = ({ receiver, route }: Target): Target =>
  targetOf(compiled({ ...route, groupBy: [] }), receiver, {});

function targetOf({ route, key }: Compiled, receiver: Receiver, labels: Labels): Target {
  const groupLabels = Object.fromEntries(route.groupBy.map((name) => [name, labels[name] ?? '']));
  const groupKey = `${key}:${labelsText(groupLabels)}`;
  const groupId = hashOf([receiver.tenant, receiver.name, groupKey], 32);
  return { groupId, receiver, route, groupKey, groupLabels };
}

const compiled = (route: Route): Compiled => ({
  route,
  test: compileMatchers(route.matchers),
  key: `{}/${matchersText(route.matchers)}`,
});
