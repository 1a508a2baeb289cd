/** What keeps a node out of its cluster, in words for who operates it. */
import { NetworkError, TimeoutError } from '@platformatic/kafka';
import { messageOf } from '../../storage/kafka/faults.ts';
import { GROUP_CODE, GroupError } from '../../storage/kafka/group-member.ts';

/** Of a cluster that has just begun, or whose coordinator moves: nothing to tell a person of. */
export const isPassing = (fault: unknown): boolean => isCode(fault, PASSING);

/** The coordinator says that this node is no member, or not any more. */
export const isLost = (fault: unknown): boolean => isCode(fault, LOST);

/** Another process has taken the place that this one had by its name. */
export const isFenced = (fault: unknown): boolean => isCode(fault, FENCED);

/** No fault: another node came or went meanwhile. */
export const isSharedAnew = (fault: unknown): boolean =>
  fault instanceof GroupError && fault.code === GROUP_CODE.rebalance;

export function problemIn(fault: unknown, group: string): string {
  const code = fault instanceof GroupError ? fault.code : undefined;
  switch (code) {
    case GROUP_CODE.unknownMember:
    case GROUP_CODE.illegalGeneration:
      return 'the others have gone on without this node: it was not heard of for too long';
    case GROUP_CODE.inconsistentProtocol:
      return `other programs, or nodes of another version, are in group "${group}"`;
    case GROUP_CODE.groupAuthorizationFailed:
      return `this user may not read in group "${group}"`;
    default:
      return fault instanceof NetworkError || fault instanceof TimeoutError
        ? `the broker that coordinates the cluster is out of reach: ${messageOf(fault)}`
        : messageOf(fault);
  }
}

type Codes = ReadonlySet<number>;
const { coordinatorLoading, coordinatorUnavailable, notCoordinator } = GROUP_CODE;
const PASSING: Codes = new Set([coordinatorLoading, coordinatorUnavailable, notCoordinator]);
const FENCED: Codes = new Set([GROUP_CODE.fencedInstance]);
const LOST: Codes = new Set([GROUP_CODE.unknownMember, GROUP_CODE.illegalGeneration, ...FENCED]);

const isCode = (fault: unknown, codes: Codes): boolean =>
  fault instanceof GroupError && codes.has(fault.code);
