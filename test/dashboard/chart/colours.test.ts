import test from 'ava';
import { Looks } from '../../../src/dashboard/chart/colours.ts';

test('a label keeps its look, and dashes come when all colours are taken', (t) => {
  const looks = new Looks();
  const before = looks.of(['DE', 'FR']);
  const many = looks.of(Array.from({ length: 12 }, (_, i) => `L${i}`).concat('DE'));
  t.is(many.get('DE'), before.get('DE'));
  t.is(new Set(many.values()).size, 13);
  t.deepEqual([...new Looks().of(['FR', 'DE'])].sort(), [...before].sort());
  t.true([...before.values()].every((look) => look < 8));
});
