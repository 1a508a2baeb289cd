import test from 'ava';
import { spread } from '../../../storage/kafka/group-spread.ts';

const member = (name: string, ...topics: string[]) => ({ id: `id of ${name}`, name, topics });
const counts: Readonly<Record<string, number>> = { a: 5, b: 3, c: 1 };
const countOf = (topic: string) => counts[topic] ?? 0;

const sizes = (assigned: ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>) =>
  [...assigned.values()].map((topics) => [...topics.values()].flat().length);

test('every partition has one member, and all have about as many', (t) => {
  const members = ['x', 'y', 'z'].map((name) => member(name, 'a', 'b', 'c'));
  const assigned = spread(members, countOf);
  t.deepEqual(sizes(assigned), [3, 3, 3]);
  const all = [...assigned.values()].flatMap((topics) =>
    [...topics].flatMap(([topic, partitions]) => partitions.map((each) => `${topic}${each}`)),
  );
  t.deepEqual(all.sort(), ['a0', 'a1', 'a2', 'a3', 'a4', 'b0', 'b1', 'b2', 'c0']);
});

test('a member gets what it wants alone, and one that nobody wants goes to nobody', (t) => {
  const assigned = spread([member('x', 'a'), member('y', 'b')], countOf);
  t.deepEqual([...(assigned.get('id of x') ?? [])], [['a', [0, 1, 2, 3, 4]]]);
  t.deepEqual([...(assigned.get('id of y') ?? [])], [['b', [0, 1, 2]]]);
});

test('the same members get the same, in whatever order they come', (t) => {
  const members = ['x', 'y', 'z'].map((name) => member(name, 'a', 'b'));
  const one = spread(members, countOf);
  const other = spread(members.toReversed(), countOf);
  for (const { id } of members) t.deepEqual(other.get(id), one.get(id));
});
