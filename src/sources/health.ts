/** What keeps a source from being read, in words for who operates it. */
import { NetworkError, TimeoutError } from '@platformatic/kafka';
import { messageOf } from '../../storage/kafka/faults.ts';
import { GROUP_CODE, GroupError } from '../../storage/kafka/group-member.ts';
import type { Clock } from '../model/clock.ts';
import type { Logger } from '../model/logger.ts';
import type { SourceOptions } from './options.ts';

type Named = Pick<SourceOptions, 'group' | 'instance' | 'connection'>;

export class SourceHealth {
  readonly #source: Named;
  readonly #clock: Clock;
  readonly #logger: Logger;
  /** Undefined: it is read. */
  problem: string | undefined;
  /** Since when there is one; 0: there is none. */
  problemSinceMs = 0;
  failures = 0;

  constructor(source: Named, { clock, logger }: { clock: Clock; logger: Logger }) {
    this.#source = source;
    this.#clock = clock;
    this.#logger = logger;
  }

  failed(fault: unknown): void {
    this.failures += 1;
    if (this.problem === undefined) this.problemSinceMs = this.#clock.now();
    const problem = inWords(fault, this.#source);
    const isNew = problem !== this.problem;
    this.problem = problem;
    if (!isNew) return;
    // A coordinator that is just being found is nothing to tell a person of.
    const level = fault instanceof GroupError && PASSING.has(fault.code) ? 'debug' : 'warn';
    this.#logger[level]({ problem }, 'the topics cannot be read');
  }

  recovered(): void {
    if (this.problem === undefined) return;
    this.#logger.info({}, 'the topics are read again');
    this.problem = undefined;
    this.problemSinceMs = 0;
  }
}

const PASSING: ReadonlySet<number> = new Set([
  GROUP_CODE.coordinatorLoading,
  GROUP_CODE.coordinatorUnavailable,
  GROUP_CODE.notCoordinator,
]);

function inWords(fault: unknown, { group, instance, connection }: Named): string {
  const code = fault instanceof GroupError ? fault.code : undefined;
  switch (code) {
    case GROUP_CODE.fencedInstance:
      return `another server is in group "${group}" as "${instance}": give each its own "instance"`;
    case GROUP_CODE.inconsistentProtocol:
      return `other programs are in group "${group}": give it a group that is only for Streamgauge`;
    case GROUP_CODE.groupAuthorizationFailed:
      return `this user may not read in group "${group}"`;
    default:
      return isOfNetwork(fault)
        ? `a broker is out of reach, of ${connection.brokers.join(', ')}: ${messageOf(fault)}`
        : messageOf(fault);
  }
}

/** As the client's errors say it. */
const isOfNetwork = (fault: unknown): boolean =>
  fault instanceof NetworkError || fault instanceof TimeoutError;
