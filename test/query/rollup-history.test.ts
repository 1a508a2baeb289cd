/** Who answers where a rollup has not seen all that is asked for. */
import test from 'ava';
import { AppError } from '../../src/model/errors.ts';
import type { RollupDefinition } from '../../src/model/rollup.ts';
import { HOUR_MS } from '../../src/model/units.ts';
import type { SegmentQuery } from '../../src/query/archive-port.ts';
import { Queries } from '../../src/query/queries.ts';
import type { TimeseriesRequest } from '../../src/query/request.ts';
import { RollupHistory } from '../../src/query/rollup-history.ts';
import { answerFromSegments, explainSegments } from '../../src/query/segment-series.ts';
import { MemoryPartitions, TENANT } from './partitions.ts';
import { BY_TYPE } from './rollups.ts';

const NOW = Date.parse('2026-05-01T12:30:00Z');
const BEGAN = NOW - 10 * HOUR_MS;

function setUp({ archivedRows = 1, scanRowsMax = 100 } = {}) {
  const clock = { nowMs: NOW, now: () => clock.nowMs };
  const memory = new MemoryPartitions([BY_TYPE], 2);
  const looks: SegmentQuery[] = [];
  const faults: { archive?: AppError; segments?: AppError } = {};
  const head = (atMs: number) => ({
    watermarkMs: NOW,
    beganMs: (rollup: RollupDefinition) => (rollup === BY_TYPE ? atMs : undefined),
    version: () => undefined,
  });
  const heads = { head: async (partition: number) => head(BEGAN - partition * 1_000) };
  const history = new RollupHistory({
    heads,
    partitions: 2,
    clock,
    archive: {
      segments: async (query) => {
        looks.push(query);
        if (faults.archive !== undefined) throw faults.archive;
        return { segments: [], hasMore: false, rows: archivedRows, bytes: 0 };
      },
    },
  });
  const tools = {
    ask: async ({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) => {
      if (faults.segments !== undefined) throw faults.segments;
      const events = (toMs - fromMs) / HOUR_MS;
      if (events > scanRowsMax) throw new AppError('query_invalid', 'too many events');
      return { series: [], seriesFound: 0, files: 1, events };
    },
    scan: async ({ fromMs, toMs }: { readonly fromMs: number; readonly toMs: number }) => {
      const events = (toMs - fromMs) / HOUR_MS;
      if (events > scanRowsMax) throw new AppError('query_invalid', 'too many events');
      const log = { files: 0, events: 0 };
      return { archived: { files: 1, events }, log, eventsCounted: events };
    },
    scanRowsMax,
    committed: () => 0,
    partitions: memory,
    heads,
    clock,
  };
  const queries = new Queries({
    partitions: memory,
    stored: memory,
    catalog: memory,
    clock,
    segments: {
      timeseries: (request, note, after) => answerFromSegments(tools, request, note, after),
      explain: (request, note) => explainSegments(tools, request, note),
      lacksBeforeMs: (...args) => history.lacksBeforeMs(...args),
    },
  });
  const ask = (lastMs: number, parts: Partial<TimeseriesRequest> = {}) =>
    queries.timeseries({
      ...{ tenant: TENANT, stream: 'events', measures: [{ op: 'count' }], groupBy: [] },
      ...{ lastMs, stepMs: HOUR_MS, ...parts },
    });
  return { clock, ask, looks, faults, queries };
}

test('what reaches back before a rollup began is answered by segments, which know more', async (t) => {
  const { ask, looks } = setUp();
  const { source, note } = await ask(24 * HOUR_MS);
  t.is(source, 'SEGMENTS');
  t.is(note, '"by_type" counts since 2026-05-01T02:30:00.000Z');
  // Hours of arrival that were over then.
  const toMs = Date.parse('2026-05-01T02:00:00Z');
  t.deepEqual(looks, [{ tenant: TENANT, stream: 'events', fromMs: 0, toMs, first: 1 }]);
});

test('what the rollup has seen it answers, and nobody looks into the archive', async (t) => {
  const { ask, looks } = setUp();
  t.is((await ask(8 * HOUR_MS)).source, 'ROLLUP');
  t.deepEqual(looks, []);
});

test('a rollup that is as old as the archive answers, and the archive is looked at once a while', async (t) => {
  const { clock, ask, looks } = setUp({ archivedRows: 0 });
  for (let i = 0; i < 3; i++) t.is((await ask(24 * HOUR_MS)).source, 'ROLLUP');
  t.is(looks.length, 1);
  clock.nowMs += HOUR_MS;
  await ask(24 * HOUR_MS);
  t.is(looks.length, 2);
});

test('where segments may not, the rollup answers with a note', async (t) => {
  const { ask } = setUp({ scanRowsMax: 10 });
  const { source, note } = await ask(24 * HOUR_MS);
  t.is(source, 'ROLLUP');
  t.is(
    note,
    '"by_type" counts since 2026-05-01T02:30:00.000Z, and events of before are not read: too many events',
  );
});

test('why segments have failed is said, and not where they lie', async (t) => {
  const { ask, faults } = setUp();
  faults.segments = new AppError('archive_io', 'reading /var/lib/secret failed');
  const { source, note } = await ask(24 * HOUR_MS);
  t.is(source, 'ROLLUP');
  t.regex(note ?? '', /are not read: the archive refused a read, write or move$/);
});

test('an archive that is out of reach keeps no rollup from answering', async (t) => {
  const { ask, faults } = setUp();
  faults.archive = new AppError('archive_io', 'out of reach');
  const { source, note } = await ask(24 * HOUR_MS);
  t.deepEqual([source, note], ['ROLLUP', null]);
});

test('an explanation goes the way of the answer, and has its note', async (t) => {
  for (const [lastMs, scanRowsMax] of [
    [8 * HOUR_MS, 100],
    [24 * HOUR_MS, 100],
    [24 * HOUR_MS, 10],
  ] as const) {
    const { ask, queries } = setUp({ scanRowsMax });
    const { source, note } = await ask(lastMs);
    const request = { tenant: TENANT, stream: 'events', measures: [{ op: 'count' as const }] };
    const asked = { ...request, groupBy: [], lastMs, stepMs: HOUR_MS };
    const { plan, rollups } = await queries.explain(asked);
    t.like(plan, { source, note });
    t.is(plan?.segments?.archived.events, source === 'SEGMENTS' ? 24 : undefined);
    t.deepEqual(
      rollups.map(({ isTaken, reason }) => [isTaken, reason]),
      source === 'SEGMENTS' ? [[false, 'segments are to answer']] : [[true, null]],
    );
    const { problem } = await queries.explain({ ...asked, groupBy: ['user'] });
    t.is(problem, scanRowsMax === 10 && lastMs > 10 * HOUR_MS ? 'too many events' : null);
  }
});

test('a subscription is answered from rollups only, and says so', (t) => {
  const { queries } = setUp();
  const request = { tenant: TENANT, stream: 'events', measures: [{ op: 'count' as const }] };
  t.throws(() => queries.subscribe({ ...request, groupBy: ['user'] }), {
    message: /lacks dimension "user" \(a subscription is answered from rollups only/,
  });
});

test('what has not been committed is past the watermark of segments', async (t) => {
  const { ask } = setUp();
  const { watermarkMs, complete } = await ask(HOUR_MS, { groupBy: ['user'] });
  t.is(watermarkMs, NOW - 10_000);
  t.false(complete);
});
