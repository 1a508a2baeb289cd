import test from 'ava';
import { fieldsForMeasure } from '../../../src/dashboard/explore/offered.ts';

test('a kind of measure that there is not is offered what is measured so: nothing', (t) => {
  for (const op of ['constructor', 'toString', '__proto__']) {
    t.deepEqual(fieldsForMeasure(op, [], []), { kept: [], others: [] });
  }
});
