/** Silences that have ended are kept for people to look at, a bounded number and for a bounded time. */
import test from 'ava';
import {
  SILENCE_KEPT_MS,
  SILENCES_ENDED_PER_TENANT_MAX,
} from '../../../actors/alarm-board/limits.ts';
import { Silences } from '../../../actors/alarm-board/silences.ts';
import { is, MINUTE, START, silence } from './scene.ts';

const ended = (id: number, tenant = 'acme') => ({
  ...silence([is('service', 'api')], 0, MINUTE + id),
  id: `${tenant}${id}`,
  tenant,
});

test('of more than may be kept of a tenant those go that ended first', (t) => {
  const count = SILENCES_ENDED_PER_TENANT_MAX + 2;
  const silences = new Silences(Array.from({ length: count }, (_, i) => ended(i)));
  silences.put(ended(0, 'other'));
  const nowMs = START + 2 * MINUTE;
  t.deepEqual(
    silences.pruneEnded('acme', nowMs).map(({ id }) => id),
    ['acme0', 'acme1'],
  );
  t.is([...silences.all()].length, SILENCES_ENDED_PER_TENANT_MAX + 1);
  t.deepEqual(silences.pruneEnded('acme', nowMs), []);
});

test('one that ended long ago is dropped', (t) => {
  const silences = new Silences([ended(0)]);
  const goneMs = START + MINUTE + SILENCE_KEPT_MS;
  t.deepEqual(silences.prune(goneMs), []);
  t.is(silences.prune(goneMs + 1).length, 1);
});
