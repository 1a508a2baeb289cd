import test from 'ava';
import { noBackups, noErasures, noReplays } from '../../src/cluster/unsupported.ts';

const range = { fromMs: 0, toMs: 1 };
const replay = { tenant: 'default', stream: 'events', rollup: undefined, ...range };

test('a node of a cluster says what to do instead of what it does not do', async (t) => {
  const wanted = { tenant: 'default', stream: undefined, field: 'user', value: 'ann' };
  const refusals: readonly (readonly [Promise<unknown>, RegExp])[] = [
    [noBackups.start('/backups', 'mark'), /keep the archive and the topic/],
    [noReplays.start({ ...replay, apply: false, allowLoss: false, share: 1 }), /start one of them/],
    [noReplays.apply('default', 'r1', false), /start one of them/],
    [noErasures.request(wanted), /start one of them/],
  ];
  for (const [refused, message] of refusals) {
    await t.throwsAsync(refused, { code: 'cluster_unsupported', message });
  }
});

test('there is nothing to look at of what is not done', async (t) => {
  t.is(noBackups.view(), undefined);
  t.deepEqual(noReplays.list('default'), []);
  t.deepEqual(await noErasures.list('default', 10), []);
});
