/** How the members of a group tell of themselves, and share out what they read. */
import { type Reading, spread } from './group-spread.ts';

/** Topic -> its partitions. */
export type Assignment = ReadonlyMap<string, readonly number[]>;

export interface Subscriber extends Reading {
  /** What it tells of itself, in whatever form the members of the group agree on. */
  readonly userData?: Uint8Array;
}

/** What a member gets. */
export interface Share {
  readonly partitions: Assignment;
  /** What it is told besides. */
  readonly userData?: Uint8Array;
}

export interface GroupSharing {
  /** The same in all members of a group: it stands for how they tell of themselves and share. */
  readonly protocol: string;
  /** What the others are told of this one. */
  readonly userData?: Uint8Array;
  /** Member's id -> what it gets. Asked of one member, for all. */
  share(members: readonly Subscriber[]): ReadonlyMap<string, Share>;
}

/** All get about as many partitions. `countOf` says how many a topic has. */
export const evenly = (countOf: (topic: string) => number): GroupSharing => ({
  // Only programs that share a group share this, too; ours share with ours alone.
  protocol: 'streamgauge',
  share: (members) =>
    new Map([...spread(members, countOf)].map(([id, partitions]) => [id, { partitions }])),
});
