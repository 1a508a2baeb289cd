/** What a server says of rollups that its configuration has taken away. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Server } from '../load-tests/server.ts';
import { lostRollups } from '../src/lost-rollups.ts';
import {
  DEFAULT_RESOLUTIONS,
  type RollupDefinition,
  type RollupsControl,
} from '../src/model/rollup.ts';

const ROLLUP: RollupDefinition = {
  name: 'by_type',
  stream: 'shop',
  filter: [],
  dimensions: ['type'],
  measures: [{ op: 'count' }],
  resolutions: DEFAULT_RESOLUTIONS,
  latenessMs: 10_000,
  seriesMax: 1_000,
};

const control = (...rollups: RollupDefinition[]): RollupsControl => ({
  type: 'setRollups',
  version: 1,
  rollups,
});

test('what is counted on as before is not lost', (t) => {
  const more = { ...ROLLUP, seriesMax: 5, latenessMs: 60_000 };
  t.deepEqual(lostRollups(control(ROLLUP), control(more, { ...ROLLUP, name: 'new' })), []);
  t.deepEqual(lostRollups(control({ ...ROLLUP, frozen: true }), control()), [], 'of a rule');
});

test('a rollup that is gone or means something else is named, with what brings it back', (t) => {
  const [gone, ...others] = lostRollups(control(ROLLUP), control());
  t.regex(gone ?? '', /"by_type" is not declared any more/);
  t.deepEqual(others, []);
  const [changed] = lostRollups(control(ROLLUP), control({ ...ROLLUP, dimensions: ['user'] }));
  t.regex(changed ?? '', /"streamgauge replay --stream shop --rollup by_type" builds it again/);
  const ofSessions = { ...ROLLUP, stream: 'sessions:visits' };
  const [sessions] = lostRollups(control(ofSessions), control({ ...ofSessions, dimensions: [] }));
  t.notRegex(sessions ?? '', /replay/);
});

test('a server that is started with another configuration says what it has lost', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'streamgauge-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const started = async (dimensions: string[]) => {
    const rollups = [{ name: 'by_type', stream: 'shop', dimensions, measures: ['count'] }];
    const server = await Server.prepare({ folder, partitions: 2, config: { rollups } });
    t.teardown(() => server.kill());
    await server.start();
    await server.stop();
    return server.log();
  };
  t.notRegex(await started(['type']), /is not declared/);
  const log = await started(['user']);
  t.is(
    log.split('rollup \\"by_type\\" is not declared as before').length,
    2,
    'once, not for each partition',
  );
});
