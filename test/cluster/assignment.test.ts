/** What is true of every assignment, whoever is there and whatever they had before. */
import test from 'ava';
import fc from 'fast-check';
import { assign, type Candidate } from '../../src/cluster/assignment.ts';

type Assigned = ReturnType<typeof assign>;

const PARTITIONS_MAX = 24;

/** Up to nine nodes that were given anything in any generation, also what others were given, or what does not exist. */
const scene = fc
  .record({
    partitions: fc.integer({ min: 1, max: PARTITIONS_MAX }),
    nodes: fc.array(
      fc.record({
        owned: fc.uniqueArray(fc.nat(PARTITIONS_MAX + 3)),
        generation: fc.nat(3),
        rows: fc.uniqueArray(fc.tuple(fc.nat(PARTITIONS_MAX), fc.nat(9)), {
          selector: ([partition]) => partition,
        }),
      }),
      { minLength: 1, maxLength: 9 },
    ),
  })
  .map(({ partitions, nodes }) => ({
    partitions,
    candidates: nodes.map(
      ({ rows, ...node }, i): Candidate => ({
        ...node,
        name: `node-${i}`,
        positions: new Map(rows),
      }),
    ),
  }));

const holds = (name: string, isSo: (candidates: Candidate[], partitions: number) => boolean) =>
  test(name, (t) => {
    t.notThrows(() =>
      fc.assert(
        fc.property(scene, ({ candidates, partitions }) => isSo(candidates, partitions)),
        { numRuns: 1_000 },
      ),
    );
  });

holds('each partition is with exactly one node', (candidates, partitions) => {
  const given = [...assign(candidates, partitions).values()].flat();
  return same(
    given.sort((a, b) => a - b),
    [...Array(partitions).keys()],
  );
});

holds('nobody has two more than anybody else', (candidates, partitions) => {
  const counts = [...assign(candidates, partitions).values()].map(({ length }) => length);
  return counts.length === candidates.length && Math.max(...counts) - Math.min(...counts) <= 1;
});

holds('the order in which nodes came does not matter', (candidates, partitions) =>
  same([...assign(candidates, partitions)], [...assign(candidates.toReversed(), partitions)]),
);

holds(
  'nothing moves when nobody came or went, wherever else rows are',
  (candidates, partitions) => {
    const before = assign(candidates, partitions);
    return same([...before], [...assign(after(before, candidates), partitions)]);
  },
);

holds('no more moves than evenness takes', (candidates, partitions) => {
  const owned = ownedIn(candidates, partitions);
  const assigned = assign(candidates, partitions);
  const kept = candidates.map(({ name }) =>
    partsOf(assigned, name).filter((each) => owned.get(each) === name),
  );
  return kept.flat().length === mostKept(candidates, partitions);
});

holds('the node that leads goes on leading while it is there', (candidates, partitions) => {
  const leader = ownedIn(candidates, partitions).get(0);
  return leader === undefined || partsOf(assign(candidates, partitions), leader).includes(0);
});

holds(
  'no two partitions that move would each be better off with the other node',
  (candidates, partitions) => {
    const owned = ownedIn(candidates, partitions);
    const assigned = assign(candidates, partitions);
    const moved = candidates.flatMap((node) =>
      partsOf(assigned, node.name)
        .filter((each) => owned.get(each) !== node.name)
        .map((partition) => ({ partition, node })),
    );
    const lag = (partition: number, { positions }: Candidate) =>
      -(positions.get(partition) ?? Number.NEGATIVE_INFINITY);
    return moved.every((a) =>
      moved.every((b) => {
        // To go back to where it was would be no move, and is not offered.
        if (owned.get(a.partition) === b.node.name || owned.get(b.partition) === a.node.name)
          return true;
        const isBetter = lag(a.partition, b.node) < lag(a.partition, a.node);
        return !(isBetter && lag(b.partition, a.node) < lag(b.partition, b.node));
      }),
    );
  },
);

test('nodes come and go: what stays where it was, and what goes to whom', (t) => {
  const one = assign([node('a')], 8);
  t.deepEqual(partsOf(one, 'a'), [0, 1, 2, 3, 4, 5, 6, 7]);
  const three = assign([node('a', partsOf(one, 'a')), node('b'), node('c')], 8);
  t.deepEqual(
    ['a', 'b', 'c'].map((name) => partsOf(three, name).length),
    [3, 3, 2],
  );
  t.true(partsOf(three, 'a').includes(0));
  const two = assign([node('b', partsOf(three, 'b')), node('c', partsOf(three, 'c'))], 8);
  for (const name of ['b', 'c']) {
    t.true(partsOf(three, name).every((each) => partsOf(two, name).includes(each)));
  }
});

test('a node that comes back is given what it has the newest rows of', (t) => {
  const rows = new Map([
    [1, 95],
    [2, 10],
    [5, 99],
  ]);
  const others = new Map([0, 1, 2, 3, 4, 5].map((partition) => [partition, 100]));
  const back = assign(
    [node('a', [], rows), node('b', [0, 1, 2], others), node('c', [3, 4, 5], others)],
    6,
  );
  t.deepEqual(partsOf(back, 'a'), [1, 5]);
});

test('what a node leaves behind goes to whoever is the furthest with it, as long as that is even', (t) => {
  const left = assign(
    [
      node('a', [0], new Map([[2, 5]])),
      node(
        'b',
        [1],
        new Map([
          [2, 9],
          [3, 7],
        ]),
      ),
    ],
    4,
  );
  t.deepEqual(
    [...left],
    [
      ['a', [0, 3]],
      ['b', [1, 2]],
    ],
  );
});

test('a partition without anybody’s rows takes nobody’s place', (t) => {
  const given = assign([node('a', [], new Map([[3, 1]])), node('b')], 4);
  t.true(partsOf(given, 'a').includes(3));
});

test('a node that was given something long ago has not what another was given since', (t) => {
  const late = { ...node('a', [0, 1]), generation: 4 };
  const now = { ...node('b', [0, 1]), generation: 5 };
  t.deepEqual(partsOf(assign([late, now], 2), 'b').includes(0), true);
});

test('with more nodes than partitions some have none, and nothing moves for that', (t) => {
  const nodes = [node('a'), node('b', [1]), node('c', [0]), node('d')];
  t.deepEqual(
    [...assign(nodes, 2)],
    [
      ['a', []],
      ['b', [1]],
      ['c', [0]],
      ['d', []],
    ],
  );
});

function node(
  name: string,
  owned: readonly number[] = [],
  positions = new Map<number, number>(),
): Candidate {
  return { name, owned, generation: 1, positions };
}

const partsOf = (assigned: Assigned, name: string): readonly number[] => assigned.get(name) ?? [];

/** The same nodes, a generation later. */
const after = (assigned: Assigned, candidates: readonly Candidate[]): Candidate[] =>
  candidates.map((each) => ({ ...each, owned: partsOf(assigned, each.name), generation: 9 }));

/** Partition -> who has it. */
function ownedIn(candidates: readonly Candidate[], partitions: number): Map<number, string> {
  const owned = new Map<number, string>();
  // Of one generation the first by name.
  for (const { name, owned: claimed } of candidates.toSorted(
    (a, b) => a.generation - b.generation || (a.name < b.name ? 1 : -1),
  )) {
    for (const partition of claimed) if (partition < partitions) owned.set(partition, name);
  }
  return owned;
}

/** By counting: everybody keeps the least, and as many as there are remainders one more. */
function mostKept(candidates: readonly Candidate[], partitions: number): number {
  const owners = [...ownedIn(candidates, partitions).values()];
  const counts = candidates.map(({ name }) => owners.filter((owner) => owner === name).length);
  const least = Math.floor(partitions / candidates.length);
  const more = counts.filter((count) => count > least).length;
  const kept = counts.reduce((sum, count) => sum + Math.min(count, least), 0);
  return kept + Math.min(more, partitions % candidates.length);
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
