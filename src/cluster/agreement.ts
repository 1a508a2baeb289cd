/**
 * What nodes need to have in common beside their group: one archive, one secret, and one number of partitions, by which events find theirs. Each
 * shows them in what it tells of itself, and whoever comes to others that have another one ends itself before it takes a partition of theirs.
 */
import { createHmac } from 'node:crypto';
import { AppError } from '../model/errors.ts';
import { isNodeKey } from '../model/node-key.ts';
import { assertNever } from '../model/result.ts';
import type { NodeIdentity } from './member-data.ts';

export interface InCommon {
  readonly archive: {
    /** Made with it. */
    readonly id: string;
    /** As this node reaches it: others may have another way to the same. */
    readonly url: string;
  };
  readonly secret: string;
  /** Of the whole log. */
  readonly partitions: number;
}

type Difference = 'secret' | 'archive' | 'partitions';

/** What a node knows of itself without the others. */
export type OwnIdentity = Omit<NodeIdentity, 'archive' | 'proof' | 'partitionCount'>;

export class Agreement {
  /** As the others are told. */
  readonly self: NodeIdentity;
  readonly #topic: string;
  readonly #inCommon: InCommon;

  constructor(node: OwnIdentity, topic: string, inCommon: InCommon) {
    this.#topic = topic;
    this.#inCommon = inCommon;
    const { archive, partitions } = inCommon;
    const proof = this.#proofOf(node);
    this.self = { ...node, archive: archive.id, partitionCount: partitions, proof };
  }

  /** What `other` has that is not this node's; undefined: they agree. */
  difference(other: NodeIdentity): Difference | undefined {
    const { archive, partitionCount } = this.self;
    if (!isNodeKey(other.proof, this.#proofOf(other))) return 'secret';
    if (other.archive !== archive) return 'archive';
    const isOtherCount = (other.partitionCount ?? partitionCount) !== partitionCount;
    return isOtherCount ? 'partitions' : undefined;
  }

  /** Why this node, a `config_invalid`, cannot be in one cluster with all of `others`; undefined: it can. */
  refusal(others: readonly NodeIdentity[]): AppError | undefined {
    for (const other of others) {
      // One of its own name is its process before, which may have been set up otherwise.
      const difference = other.name === this.self.name ? undefined : this.difference(other);
      if (difference === undefined) continue;
      return new AppError(
        'config_invalid',
        `node "${other.name}", at ${other.url}, is in the cluster with ${this.#inWords(difference, other)}. If it is that node that is wrong, stop it first`,
      );
    }
    return undefined;
  }

  #inWords(difference: Difference, { partitionCount }: NodeIdentity): string {
    const { archive, partitions } = this.#inCommon;
    switch (difference) {
      case 'secret':
        return 'another secret than this node: give both the same cluster.secret or cluster.secretFile';
      case 'archive':
        return `another archive than this node, whose is ${archive.url}: see on both where "archive" leads to, and whether its folder is mounted`;
      case 'partitions':
        return `${partitionCount} partitions, where this node has ${partitions}: a running cluster keeps its number of partitions (docs/cluster.md, More partitions)`;
      default:
        return assertNever(difference);
    }
  }

  /** Of nodes that do not agree those that were there before stay. */
  isBefore({ life, name }: NodeIdentity): boolean {
    return life < this.self.life || (life === this.self.life && name < this.self.name);
  }

  /**
   * Brokers show it to whoever may look at the group: it says nothing of the secret to who does not have it, and is worth nothing to
   * another node.
   */
  #proofOf({ name, life }: OwnIdentity): string {
    return createHmac('sha256', this.#inCommon.secret)
      .update(JSON.stringify([this.#topic, name, life]))
      .digest('base64url');
  }
}
