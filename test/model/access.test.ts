import test from 'ava';
import { hashSecret, isSecret } from '../../src/model/access.ts';

test('a secret is hashed by SHA-256, in lower-case hex', (t) => {
  t.is(hashSecret('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('a secret is the prefix and 43 characters of base64url', (t) => {
  t.true(isSecret(`sg_${'aZ0-_'.repeat(9).slice(0, 43)}`));
  for (const text of [
    '',
    'sg_',
    `sg_${'a'.repeat(42)}`,
    `sg_${'a'.repeat(44)}`,
    `sg_${'+'.repeat(43)}`,
  ]) {
    t.false(isSecret(text), text);
  }
});
