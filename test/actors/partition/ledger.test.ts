import test from 'ava';
import { Ledger, OTHER_STREAMS } from '../../../actors/partition/ledger.ts';
import { HOUR_MS } from '../../../src/model/units.ts';

const ONE = { received: 3, applied: 1, duplicate: 1, rejected: 1, clamped: 0, expired: 0 };

test('counts add up per tenant, stream and hour of arrival', (t) => {
  const ledger = new Ledger();
  ledger.add('a', 's', HOUR_MS, ONE);
  ledger.add('a', 's', 2 * HOUR_MS - 1, ONE);
  ledger.add('a', 'other', HOUR_MS, ONE);
  ledger.add('a', 's', 2 * HOUR_MS, ONE);
  t.deepEqual(
    ledger
      .changed()
      .map(({ stream, arrivalHourMs, received }) => [stream, arrivalHourMs, received]),
    [
      ['s', HOUR_MS, 6],
      ['other', HOUR_MS, 3],
      ['s', 2 * HOUR_MS, 3],
    ],
  );
});

test('a committed line is not written again until it changes, and then as a whole', (t) => {
  const ledger = new Ledger();
  ledger.add('a', 's', HOUR_MS, ONE);
  ledger.committed();
  t.deepEqual(ledger.changed(), []);
  ledger.add('a', 's', HOUR_MS, ONE);
  t.is(ledger.changed()[0]?.received, 6);
});

test('a restored hour goes on from what was stored', (t) => {
  const ledger = new Ledger();
  ledger.restore(
    HOUR_MS + 5,
    [{ tenant: 'a', stream: 's', arrivalHourMs: HOUR_MS, ...ONE }],
    ['a'],
  );
  ledger.add('a', 's', HOUR_MS + 7, ONE);
  t.is(ledger.changed()[0]?.applied, 2);
});

test('tenants that are quiet are known, so that what is past its retention is deleted for them too', (t) => {
  const ledger = new Ledger();
  ledger.restore(HOUR_MS, [], ['before']);
  ledger.add('quiet', 's', HOUR_MS, ONE);
  ledger.add('busy', 's', HOUR_MS, ONE);
  ledger.committed();
  ledger.add('busy', 's', 30 * HOUR_MS, ONE);
  t.true(ledger.takeSweepDue(30 * HOUR_MS));
  t.deepEqual([...ledger.tenants], ['before', 'quiet', 'busy']);
});

test('streams past the bound are counted under one name: the ledger still balances', (t) => {
  const ledger = new Ledger();
  for (let i = 0; i < 20_100; i++) ledger.add('a', `s${i}`, HOUR_MS, ONE);
  const lines = ledger.changed();
  t.is(lines.length, 20_001);
  t.is(lines.find(({ stream }) => stream === OTHER_STREAMS)?.received, 300);
});
