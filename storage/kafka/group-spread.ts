/** Which member of a group reads which partitions. */

/** Who reads, and what. */
export interface Reading {
  readonly id: string;
  /** What stays the same when it comes back. */
  readonly name: string;
  readonly topics: readonly string[];
}

/**
 * Member -> topic -> partitions: each partition of a topic has one of the members that want the topic. All members get about as
 * many, and the same ones whenever the same members come.
 */
export function spread(
  members: readonly Reading[],
  countOf: (topic: string) => number,
): Map<string, Map<string, number[]>> {
  const assigned = new Map(members.map(({ id }) => [id, new Map<string, number[]>()]));
  const inOrder = members.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const topics = [...new Set(members.flatMap((member) => member.topics))].sort();
  // Goes on over topics, so that many topics of one partition do not all go to the first.
  let turn = 0;
  for (const topic of topics) {
    const wanting = inOrder.filter((member) => member.topics.includes(topic));
    for (let partition = 0; partition < countOf(topic); partition++) {
      const { id } = wanting[turn++ % wanting.length] as Reading;
      const own = assigned.get(id);
      const partitions = own?.get(topic);
      if (partitions === undefined) own?.set(topic, [partition]);
      else partitions.push(partition);
    }
  }
  return assigned;
}
