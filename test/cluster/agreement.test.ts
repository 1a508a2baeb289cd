import test from 'ava';
import { Agreement, type InCommon } from '../../src/cluster/agreement.ts';

const IN_COMMON: InCommon = {
  archive: { id: 'one', url: 'file:///mnt/archive' },
  secret: 'a secret that all nodes have',
  partitions: 4,
};

function agreement(name: string, more: Partial<InCommon> = {}, life = 7, topic = 'events') {
  const node = { name, life, url: `http://${name}:8081`, version: '1', configDigest: 'same' };
  return new Agreement(node, topic, { ...IN_COMMON, ...more });
}

const a = agreement('a');

test('nodes with one archive and one secret agree, by whatever way each reaches the archive', (t) => {
  const b = agreement('b', { archive: { id: 'one', url: 'file:///elsewhere' } }, 8);
  t.is(a.difference(b.self), undefined);
  t.is(b.refusal([a.self, b.self]), undefined);
});

test('who has another secret, or shows what was not made for it, is a stranger', (t) => {
  const { self } = agreement('b');
  const strangers = {
    secret: agreement('b', { secret: 'a secret that nobody else has' }).self,
    topic: agreement('b', {}, 7, 'others').self,
    life: { ...self, life: self.life + 1 },
    name: { ...self, proof: a.self.proof },
    none: { ...self, proof: '' },
  };
  for (const [what, stranger] of Object.entries(strangers)) {
    t.is(a.difference(stranger), 'secret', what);
  }
});

test('the refusal says which node, what differs and what to do, and no secret', (t) => {
  const secret = 'a secret that nobody else has';
  const ofSecret = agreement('b', { secret }).refusal([a.self]);
  t.is(ofSecret?.code, 'config_invalid');
  t.regex(ofSecret?.message ?? '', /^node "a", at http:\/\/a:8081, .* same cluster\.secret or clu/);
  const archive = { id: 'two', url: 'file:///not/mounted' };
  const ofArchive = agreement('b', { archive }).refusal([a.self]);
  t.regex(ofArchive?.message ?? '', /^node "a", .* whose is file:\/\/\/not\/mounted: see on both/);
  const shown = JSON.stringify([ofSecret, ofSecret?.message, agreement('b', { secret }).self]);
  t.false(shown.includes(secret));
});

test('who has another number of partitions is refused, with both numbers', (t) => {
  const grown = agreement('b', { partitions: 6 });
  t.is(a.difference(grown.self), 'partitions');
  const refused = grown.refusal([a.self]);
  t.is(refused?.code, 'config_invalid');
  t.regex(refused?.message ?? '', /^node "a", .* 4 partitions, where this node has 6: a running/);
});

test('a node of a version that does not say how many partitions it has is none the less one of them', (t) => {
  const { partitionCount: _, ...self } = agreement('b').self;
  t.is(a.difference(self), undefined);
});

test("a node's own process before is no stranger", (t) => {
  const before = agreement('a', { secret: 'a secret that it had before' }, 6);
  t.is(a.refusal([before.self]), undefined);
});

test('of two one was there before, also if their archives gave both one life', (t) => {
  const earlier = agreement('z', {}, 6);
  const beside = agreement('b');
  t.true(a.isBefore(earlier.self));
  t.false(earlier.isBefore(a.self));
  t.true(beside.isBefore(a.self));
  t.false(a.isBefore(beside.self));
});
