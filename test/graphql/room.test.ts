import test from 'ava';
import type { Access } from '../../graphql/authorize.ts';
import { CONNECTIONS, SUBSCRIPTIONS } from '../../graphql/limits.ts';
import { Room } from '../../graphql/room.ts';

const BOUNDS = { link: 2, links: 3, key: 4, tenant: 6, all: 8 };

const keyOf = (tenant: string, keyId: string): Access => ({ keyId, tenant, scopes: ['read'] });
/** Links of the tenant `a`. */
const link = (share: string): Access => ({ keyId: 'share', tenant: '', scopes: [], share });

function room() {
  return new Room({
    what: 'doors',
    bounds: BOUNDS,
    tenantOf: ({ share, tenant }) => (share === undefined ? tenant : 'a'),
  });
}

function takeAll(from: Room, access: Access): { readonly leaves: (() => void)[]; why: string } {
  const leaves: (() => void)[] = [];
  for (;;) {
    const taken = from.take(access);
    if (!taken.ok) return { leaves, why: taken.error };
    leaves.push(taken.value);
  }
}

test('a link, the links of a tenant, a key, a tenant and all together have what their bounds say', (t) => {
  const all = room();
  const took = (access: Access) => {
    const { leaves, why } = takeAll(all, access);
    return [leaves.length, /of (.+) are open/.exec(why)?.[1]];
  };
  t.deepEqual(took(link('one')), [2, 'this link']);
  t.deepEqual(took(link('two')), [1, "this tenant's links"]);
  t.deepEqual(took(keyOf('a', 'k')), [3, 'this tenant']);
  t.deepEqual(took(keyOf('b', 'k')), [2, 'the server']);
  t.is(all.taken, 8);
});

test('a key leaves room for the other keys of its tenant, also for one of the same name elsewhere', (t) => {
  const all = room();
  t.is(takeAll(all, keyOf('a', 'k')).leaves.length, 4);
  t.is(takeAll(all, keyOf('a', 'other')).leaves.length, 2);
  t.is(takeAll(all, keyOf('b', 'k')).leaves.length, 2);
});

test('what is given back can be taken again, and is given back once', (t) => {
  const all = room();
  const { leaves } = takeAll(all, link('one'));
  leaves[0]?.();
  leaves[0]?.();
  t.is(takeAll(all, link('one')).leaves.length, 1);
  t.is(all.taken, 2);
});

test('a refusal says how many are open, of whom, and what to do, and fits a close frame', (t) => {
  t.is(
    takeAll(room(), link('one')).why,
    '2 doors of this link are open, as many as may be: close some, or try again later',
  );
  const what = 'live connections';
  const longest = new Room({ what, bounds: { ...CONNECTIONS, links: 0 }, tenantOf: () => 'a' });
  const { why } = takeAll(longest, link('one'));
  t.true(Buffer.byteLength(why) <= 123, why);
});

for (const [what, { link: ofLink, links, key, tenant, all }] of Object.entries({
  CONNECTIONS,
  SUBSCRIPTIONS,
})) {
  test(`${what}: nobody has all of it, and 200 viewers of one link fit`, (t) => {
    t.true(ofLink < links && links < tenant && key < tenant && tenant < all);
    t.true(ofLink >= (what === 'SUBSCRIPTIONS' ? 200 * 10 : 200));
  });
}
