import test from 'ava';
import { newId, newSecret } from '../../../src/dashboard/saved/by-chance.ts';
import { isShareSecret } from '../../../src/model/access.ts';

test('ids and secrets have the form that the server takes, and are never the same', (t) => {
  const ids = Array.from({ length: 1_000 }, newId);
  t.true(ids.every((id) => /^[\w-]{12}$/.test(id)));
  t.is(new Set(ids).size, ids.length);
  const secrets = Array.from({ length: 1_000 }, newSecret);
  t.true(secrets.every(isShareSecret));
  t.is(new Set(secrets).size, secrets.length);
});
