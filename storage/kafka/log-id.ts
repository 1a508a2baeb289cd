/** A topic that is made anew under its name is another one, and so is one of another cluster. */
export interface TopicIdentity {
  readonly clusterId: string;
  readonly id: string;
}

/** Names a log for good. */
export const logIdOf = ({ clusterId, id }: TopicIdentity): string => `${clusterId}/${id}`;
