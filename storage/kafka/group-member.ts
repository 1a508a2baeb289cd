/**
 * A member of a consumer group: gets partitions, keeps how far they were read. By the classic protocol, step by step, so that
 * whoever reads says when a partition may be given up: after what was read of it is durable and committed.
 *
 * It is a static member: one that comes back within its session under the same name gets its partitions without a rebalance.
 */
import {
  decodeConsumerProtocolAssignment,
  decodeConsumerProtocolSubscription,
  describeGroupsV5,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  findCoordinatorV4,
  heartbeatV4,
  joinGroupV9,
  leaveGroupV5,
  offsetCommitV8,
  offsetFetchV8,
  syncGroupV5,
  type Writer,
} from '@platformatic/kafka';
import { GROUP_REBALANCE_MS, GROUP_SESSION_MS, KAFKA_REQUEST_MS_MAX } from '../limits.ts';
import { apiOf, type KafkaApi, type KafkaCluster } from './cluster.ts';
import { kafkaError } from './faults.ts';
import type { Assignment, GroupSharing, Share, Subscriber } from './group-sharing.ts';

type JoinGroupResponse = ReturnType<typeof joinGroupV9.parseResponse>;

/** What a member was given. */
export interface Given extends Share {
  /** Newer ones are greater, unless all members left in between. */
  readonly generation: number;
}

/** What a coordinator refuses. */
export class GroupError extends Error {
  readonly code: number;

  constructor(code: number) {
    super(kafkaError(code));
    this.code = code;
  }
}

export const GROUP_CODE = {
  coordinatorLoading: 14,
  coordinatorUnavailable: 15,
  notCoordinator: 16,
  illegalGeneration: 22,
  inconsistentProtocol: 23,
  unknownMember: 25,
  rebalance: 27,
  groupAuthorizationFailed: 30,
  memberIdRequired: 79,
  fencedInstance: 82,
} as const;

const DESCRIBE = apiOf(15, 5, describeGroupsV5.parseResponse);
const FIND_COORDINATOR = apiOf(10, 4, findCoordinatorV4.parseResponse);
const JOIN = apiOf(11, 9, joinGroupV9.parseResponse);
const SYNC = apiOf(14, 5, syncGroupV5.parseResponse);
const HEARTBEAT = apiOf(12, 4, heartbeatV4.parseResponse);
const LEAVE = apiOf(13, 5, leaveGroupV5.parseResponse);
const COMMIT = apiOf(8, 8, offsetCommitV8.parseResponse);
const COMMITTED = apiOf(9, 8, offsetFetchV8.parseResponse);

const GROUP_KEY = 0;
const PROTOCOL_TYPE = 'consumer';
const NO_EPOCH = -1;
const NOTHING = new Uint8Array();
/** Of a group in which everybody has been told what to read. */
const STABLE = 'Stable';
const WITHOUT_MEMBERS: ReadonlySet<string> = new Set(['Dead', 'Empty']);

export interface GroupMemberOptions {
  /** Its requests must be given longer than a rebalance takes. */
  readonly cluster: KafkaCluster;
  /** A broker that can say who coordinates the group. Rejects while none is known. */
  readonly anyNode: () => Promise<number>;
  readonly group: string;
  /** Who this is, also after a restart. No other member may have the same. */
  readonly instance: string;
  readonly topics: readonly string[];
  /** Without a sign of life for so long it is given up. Default: `GROUP_SESSION_MS`. */
  readonly sessionMs?: number;
  /** How long the others wait for it when the group is shared out anew. Default: `GROUP_REBALANCE_MS`. */
  readonly rebalanceMs?: number;
  /** A coordinator that takes longer hangs, unless it waits for others. Default: `KAFKA_REQUEST_MS_MAX`. */
  readonly requestMsMax?: number;
}

/** By default members are given up late: to share the topics of others anew costs more than to wait. */
const DEFAULTS = {
  sessionMs: GROUP_SESSION_MS,
  rebalanceMs: GROUP_REBALANCE_MS,
  requestMsMax: KAFKA_REQUEST_MS_MAX,
};

export class GroupMember {
  readonly #options: GroupMemberOptions & typeof DEFAULTS;
  #coordinator: number | undefined;
  #memberId = '';
  #generation = -1;

  constructor(options: GroupMemberOptions) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** False: for the coordinator it is nobody yet, or nobody any more. */
  get isKnown(): boolean {
    return this.#memberId !== '';
  }

  /** To be whoever the coordinator takes it for when it joins next: after another member of its name had its place. */
  forget(): void {
    this.#memberId = '';
  }

  /**
   * Joins, or joins again, once all members have come or were given up. Rejects with a `GroupError`, or if the coordinator does
   * not answer.
   */
  async join(sharing: GroupSharing): Promise<Given> {
    let joined = await this.#join(sharing);
    if (joined.errorCode === GROUP_CODE.memberIdRequired) {
      this.#memberId = joined.memberId;
      joined = await this.#join(sharing);
    }
    this.#check(joined.errorCode);
    this.#memberId = joined.memberId;
    this.#generation = joined.generationId;
    const { group, instance } = this.#options;
    const synced = await this.#ask(SYNC, () =>
      syncGroupV5.createRequest(
        group,
        this.#generation,
        this.#memberId,
        instance,
        PROTOCOL_TYPE,
        sharing.protocol,
        assignmentsOf(joined, sharing),
      ),
    );
    this.#check(synced.errorCode);
    const given = decodeConsumerProtocolAssignment(synced.assignment);
    return {
      generation: this.#generation,
      partitions: new Map(
        given.assignedPartitions.map(({ topic, partitions }) => [topic, partitions]),
      ),
      userData: given.userData,
    };
  }

  /** Who is in the group, this one as well; undefined while it is being shared out. Rejects as `join`. */
  async members(): Promise<readonly Subscriber[] | undefined> {
    const { groups } = await this.#ask(DESCRIBE, () =>
      describeGroupsV5.createRequest([this.#options.group], false),
    );
    const [found] = groups;
    if (found === undefined) return undefined;
    this.#check(found.errorCode);
    if (WITHOUT_MEMBERS.has(found.groupState)) return [];
    if (found.groupState !== STABLE) return undefined;
    return found.members.map((member) => subscriberOf(member, member.memberMetadata));
  }

  /** False: the group is being shared out anew, and `join` must follow. Rejects as `join`. */
  async heartbeat(): Promise<boolean> {
    const { group, instance } = this.#options;
    const { errorCode } = await this.#ask(HEARTBEAT, () =>
      heartbeatV4.createRequest(group, this.#generation, this.#memberId, instance),
    );
    if (errorCode === GROUP_CODE.rebalance) return false;
    this.#check(errorCode);
    return true;
  }

  /** Keeps where each partition is to be read on. Rejects as `join`; it may then be kept or not. */
  async commit(positions: ReadonlyMap<string, ReadonlyMap<number, number>>): Promise<void> {
    const topics = [...positions].map(([name, offsets]) => ({
      name,
      partitions: [...offsets].map(([partitionIndex, at]) => ({
        partitionIndex,
        committedOffset: BigInt(at),
        committedLeaderEpoch: NO_EPOCH,
        committedMetadata: null,
      })),
    }));
    const { group, instance } = this.#options;
    const answer = await this.#ask(COMMIT, () =>
      offsetCommitV8.createRequest(group, this.#generation, this.#memberId, instance, topics),
    );
    for (const { errorCode } of answer.topics.flatMap((topic) => topic.partitions)) {
      this.#check(errorCode);
    }
  }

  /** Where partitions are to be read on; those that nobody has read are not in it. */
  async committed(wanted: Assignment): Promise<ReadonlyMap<string, ReadonlyMap<number, number>>> {
    const topics = [...wanted].map(([name, partitions]) => ({
      name,
      partitionIndexes: [...partitions],
    }));
    const { group } = this.#options;
    // Of a transaction that commits offsets nobody here knows; "stable" would only wait for one.
    const answer = await this.#ask(COMMITTED, () =>
      offsetFetchV8.createRequest([{ groupId: group, memberEpoch: NO_EPOCH, topics }], false),
    );
    const found = new Map<string, Map<number, number>>();
    for (const { errorCode, topics } of answer.groups) {
      this.#check(errorCode);
      for (const { name, partitions } of topics) {
        for (const { errorCode } of partitions) this.#check(errorCode);
        const known = partitions.filter(({ committedOffset }) => committedOffset >= 0n);
        found.set(
          name,
          new Map(known.map((each) => [each.partitionIndex, Number(each.committedOffset)])),
        );
      }
    }
    return found;
  }

  /** Its partitions go to others at once. What goes wrong is no matter: without heartbeats it is given up. */
  async leave(): Promise<void> {
    if (this.#memberId === '' || this.#coordinator === undefined) return;
    const { group, instance } = this.#options;
    const member = { memberId: this.#memberId, groupInstanceId: instance, reason: null };
    this.#memberId = '';
    await this.#ask(LEAVE, () => leaveGroupV5.createRequest(group, [member])).catch(() => {});
  }

  #join({ protocol, userData }: GroupSharing): Promise<JoinGroupResponse> {
    const { group, instance, topics, sessionMs, rebalanceMs } = this.#options;
    const metadata = encodeConsumerProtocolSubscription({
      version: 0,
      topics: [...topics],
      ...(userData && { userData: Buffer.from(userData) }),
    });
    return this.#ask(JOIN, () =>
      joinGroupV9.createRequest(
        group,
        sessionMs,
        rebalanceMs,
        this.#memberId,
        instance,
        PROTOCOL_TYPE,
        [{ name: protocol, metadata }],
        null,
      ),
    );
  }

  async #findCoordinator(): Promise<number> {
    const { anyNode, group } = this.#options;
    const { coordinators } = await this.#soon(await anyNode(), FIND_COORDINATOR, () =>
      findCoordinatorV4.createRequest(GROUP_KEY, [group]),
    );
    const [found] = coordinators;
    if (found === undefined) throw new GroupError(GROUP_CODE.coordinatorUnavailable);
    this.#check(found.errorCode);
    return found.nodeId;
  }

  async #ask<Answer>(api: KafkaApi<Answer>, payload: () => Writer): Promise<Answer> {
    this.#coordinator ??= await this.#findCoordinator();
    const node = this.#coordinator;
    // To join takes as long as others take to come; so does to be told what they get.
    const isLong = api.key === JOIN.key || api.key === SYNC.key;
    try {
      return isLong
        ? await this.#options.cluster.request(node, api, payload)
        : await this.#soon(node, api, payload);
    } catch (fault) {
      this.#coordinator = undefined;
      throw fault;
    }
  }

  /** A node that hangs is let go of long before `cluster` would. */
  async #soon<Answer>(node: number, api: KafkaApi<Answer>, payload: () => Writer): Promise<Answer> {
    const { cluster, requestMsMax } = this.#options;
    const late = setTimeout(() => cluster.drop(node), requestMsMax);
    try {
      return await cluster.request(node, api, payload);
    } finally {
      clearTimeout(late);
    }
  }

  #check(errorCode: number): void {
    if (errorCode === 0) return;
    const { coordinatorUnavailable, notCoordinator, unknownMember } = GROUP_CODE;
    if (errorCode === coordinatorUnavailable || errorCode === notCoordinator) {
      this.#coordinator = undefined;
    }
    if (errorCode === unknownMember) this.#memberId = '';
    throw new GroupError(errorCode);
  }
}

/** The leader shares the partitions out; what others say is not heard. */
function assignmentsOf(joined: JoinGroupResponse, sharing: GroupSharing) {
  if (joined.leader !== joined.memberId || joined.skipAssignment) return [];
  const members = joined.members.map((member) => subscriberOf(member, member.metadata));
  return [...sharing.share(members)].map(([memberId, { partitions, userData = NOTHING }]) => ({
    memberId,
    assignment: encodeConsumerProtocolAssignment({
      version: 0,
      assignedPartitions: [...partitions].map(([topic, each]) => ({
        topic,
        partitions: [...each],
      })),
      userData: Buffer.from(userData),
    }),
  }));
}

interface Described {
  readonly memberId: string;
  readonly groupInstanceId?: string | null | undefined;
}

function subscriberOf({ memberId, groupInstanceId }: Described, metadata: Buffer): Subscriber {
  const { topics, userData } = decodeConsumerProtocolSubscription(metadata);
  // Static members keep their place among the others over restarts.
  return { id: memberId, name: groupInstanceId ?? memberId, topics, userData };
}
