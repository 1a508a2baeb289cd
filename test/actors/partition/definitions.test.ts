/** Which rows outlive a rollup that is declared otherwise. */
import test from 'ava';
import { DeclaredRollups } from '../../../actors/partition/definitions.ts';
import type { RollupDefinition } from '../../../src/model/rollup.ts';

const DEFINITION: RollupDefinition = {
  ...{ name: 'by_shop', stream: 'shop', dimensions: ['shop'], measures: [{ op: 'count' }] },
  filter: [{ field: 'type', in: ['sale'] }],
  resolutions: [{ stepMs: 60_000, retentionMs: 3_600_000 }],
  ...{ latenessMs: 10_000, seriesMax: 100 },
};
const NOW_MS = 1_760_000_000_000;

const begun = (rollup: RollupDefinition) =>
  new DeclaredRollups(undefined).succeededBy(
    { type: 'setRollups', version: 1, rollups: [rollup] },
    Number.NEGATIVE_INFINITY,
    NOW_MS,
  ).definitions;

const redefined = (before: RollupDefinition, change: Partial<RollupDefinition>) =>
  new DeclaredRollups(begun(before)).succeededBy(
    { type: 'setRollups', version: 2, rollups: [{ ...before, ...change }] },
    NOW_MS + 1_000,
    NOW_MS + 5_000,
  );

test('with another filter a rollup begins anew: what the old one let pass is not answered as what the new one does', (t) => {
  for (const filter of [[{ field: 'type', in: ['return'] }], []]) {
    const { kept, definitions } = redefined(DEFINITION, { filter });
    t.deepEqual([...kept], []);
    t.deepEqual(definitions.began, { by_shop: { version: 2, atMs: NOW_MS + 1_000 } });
  }
});

test('rows stay when only it changes how many are kept, and for how long', (t) => {
  const resolutions = [{ stepMs: 60_000, retentionMs: 7_200_000 }];
  for (const change of [{ latenessMs: 20_000 }, { seriesMax: 200 }, { resolutions }]) {
    const { kept, definitions } = redefined(DEFINITION, change);
    t.deepEqual([...kept], ['by_shop']);
    t.deepEqual(definitions.began, { by_shop: { version: 1, atMs: NOW_MS } });
  }
});

test('a frozen rollup begins anew with another lateness, too', (t) => {
  const frozen = { ...DEFINITION, frozen: true } as const;
  t.deepEqual([...redefined(frozen, { latenessMs: 20_000 }).kept], []);
  t.deepEqual([...redefined(frozen, { seriesMax: 200 }).kept], ['by_shop']);
});
