/**
 * Rules, receivers and routes: those of the configuration, which only it can change, and those that were added while the
 * server ran. Where both have a name, the configuration's counts.
 */
import type { AlarmRule } from '../../src/model/alarm.ts';
import type { AlarmProblem, DeclaredAlarms, Source } from '../../src/model/alarm-board.ts';
import type { Receiver, ReceiverRef, Route } from '../../src/model/notification.ts';
import { SERVER_RULE_PREFIX, SERVER_STREAM } from '../../src/model/server-alarms.ts';
import { nameKey } from './hashes.ts';
import { RECEIVERS_PER_TENANT_MAX, RULES_PER_TENANT_MAX } from './limits.ts';
import type { BoardSettings } from './machine.ts';
import type { Declared } from './rows.ts';

export interface ConfiguredAlarms extends DeclaredAlarms {
  readonly externalUrl: string;
}

/** What counts of the rules that were declared here and there. */
export const rulesInEffect = (
  config: readonly AlarmRule[],
  declared: readonly AlarmRule[],
): AlarmRule[] => new Names(config, declared).all();

interface Named {
  readonly tenant: string;
  readonly name: string;
}

/** What exists of one kind. */
class Names<T extends Named> {
  readonly #config: ReadonlyMap<string, T>;
  readonly #own: Map<string, T>;

  constructor(config: readonly T[], own: readonly T[]) {
    this.#config = new Map(config.map((each) => [nameKey(each), each]));
    this.#own = new Map(own.map((each) => [nameKey(each), each]));
  }

  /** The configuration's, then the others by name: an order that does not depend on when they were added. */
  all(): T[] {
    const own = [...this.#own].filter(([key]) => !this.#config.has(key));
    own.sort(([a], [b]) => (a < b ? -1 : 1));
    return [...this.#config.values(), ...own.map(([, each]) => each)];
  }
  own(): T[] {
    return this.all().filter((each) => this.sourceOf(each) === 'mutation');
  }
  get(name: Named): T | undefined {
    return this.#config.get(nameKey(name)) ?? this.#own.get(nameKey(name));
  }
  sourceOf(name: Named): Source {
    return this.#config.has(nameKey(name)) ? 'config' : 'mutation';
  }
  put(each: T): void {
    this.#own.set(nameKey(each), each);
  }
  delete(name: Named): boolean {
    return this.#own.delete(nameKey(name));
  }
}

export class Declarations {
  readonly rules: Names<AlarmRule>;
  readonly receivers: Names<Receiver>;
  readonly #config: ConfiguredAlarms;
  readonly #routes: Map<string, readonly Route[]>;

  constructor(config: ConfiguredAlarms, declared: Declared) {
    this.#config = config;
    this.rules = new Names(config.rules, declared.rules);
    this.receivers = new Names(config.receivers, declared.receivers);
    this.#routes = new Map(declared.routes);
  }

  /** Of the configuration's those to receivers that the tenant has: the others are other tenants'. */
  routes(tenant: string): { readonly config: readonly Route[]; readonly own: readonly Route[] } {
    const config = this.#config.routes.filter(
      ({ receiver }) => this.receivers.get({ tenant, name: receiver }) !== undefined,
    );
    return { config, own: this.#routes.get(tenant) ?? [] };
  }
  setRoutes(tenant: string, routes: readonly Route[]): void {
    this.#routes.set(tenant, routes);
  }

  settings(): BoardSettings {
    const { routes, inhibitions, timeIntervals, externalUrl } = this.#config;
    const own = Map.groupBy(this.receivers.own(), ({ tenant }) => tenant);
    return {
      rules: this.rules.all(),
      receivers: this.receivers.all(),
      routes,
      ownRoutes: this.#routes,
      ownReceivers: new Map(
        Array.from(own, ([tenant, receivers]) => [tenant, receivers.map(({ name }) => name)]),
      ),
      inhibitions,
      timeIntervals,
      externalUrl,
    };
  }

  /** Why a rule of this name cannot be added or removed here, and which time intervals it names in vain. */
  problemsOfRule(rule: Named & Partial<Pick<AlarmRule, 'suppress'>>): AlarmProblem[] {
    const ofServer = this.#problemsOfServerRule(rule);
    if (ofServer.length > 0) return ofServer;
    return [
      ...problemsOf(this.rules, rule, RULES_PER_TENANT_MAX, 'rules'),
      ...this.#unknownIntervals('suppress', rule.suppress ?? []),
    ];
  }

  problemsOfReceiver(name: ReceiverRef, kind?: Receiver['kind']): AlarmProblem[] {
    if (kind === 'file' || kind === 'console') {
      const message = "only the configuration may declare receivers on the server's own machine";
      return [{ path: kind, message }];
    }
    return problemsOf(this.receivers, name, RECEIVERS_PER_TENANT_MAX, 'receivers');
  }

  /** A route to nobody would swallow what it decides on. */
  problemsOfRemoval(receiver: ReceiverRef): AlarmProblem[] {
    const at = this.routes(receiver.tenant).own.findIndex((own) => own.receiver === receiver.name);
    const message = `routes[${at}] names it: set routes without it first`;
    return [
      ...this.problemsOfReceiver(receiver),
      ...(at === -1 ? [] : [{ path: 'name', message }]),
    ];
  }

  problemsOfRoutes(tenant: string, routes: readonly Route[]): AlarmProblem[] {
    return routes.flatMap(({ receiver, muteIn, activeIn }, i) => [
      ...(this.receivers.get({ tenant, name: receiver }) === undefined
        ? [{ path: `routes[${i}].receiver`, message: `there is no receiver "${receiver}"` }]
        : []),
      ...this.#unknownIntervals(`routes[${i}].muteIn`, muteIn),
      ...this.#unknownIntervals(`routes[${i}].activeIn`, activeIn),
    ]);
  }

  /** The server's own rules are set apart, and names like theirs are kept for those of later versions. */
  #problemsOfServerRule(name: Named): AlarmProblem[] {
    const isServers = ({ tenant, stream }: AlarmRule): boolean =>
      tenant === name.tenant && stream === SERVER_STREAM;
    const isReserved =
      name.name.startsWith(SERVER_RULE_PREFIX) && this.#config.rules.some(isServers);
    const known = this.rules.get(name);
    if (!isReserved || (known !== undefined && !isServers(known))) return [];
    const message =
      known === undefined
        ? `expected a name that does not begin with "${SERVER_RULE_PREFIX}": the server's own alarms have these`
        : `"${name.name}" is an alarm of the server itself: alarms.server in the configuration sets it`;
    return [{ path: 'name', message }];
  }

  #unknownIntervals(path: string, names: readonly string[]): AlarmProblem[] {
    const known = new Set(this.#config.timeIntervals.map(({ name }) => name));
    return names.flatMap((name, i) =>
      known.has(name)
        ? []
        : [{ path: `${path}[${i}]`, message: `there is no time interval "${name}"` }],
    );
  }
}

function problemsOf<T extends Named>(
  names: Names<T>,
  name: Named,
  max: number,
  what: string,
): AlarmProblem[] {
  if (names.get(name) !== undefined) {
    return names.sourceOf(name) === 'mutation'
      ? []
      : [
          {
            path: 'name',
            message: `"${name.name}" is declared in the configuration: change it there`,
          },
        ];
  }
  const count = names.own().filter(({ tenant }) => tenant === name.tenant).length;
  return count < max ? [] : [{ path: '', message: `a tenant may add at most ${max} ${what}` }];
}
