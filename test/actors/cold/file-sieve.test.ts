/** Random files of three schemas and random questions: filters change what is read, and never what is answered. */
import test from 'ava';
import { findEvent, findEvents } from '../../../actors/cold/events.ts';
import { wantedTexts } from '../../../actors/cold/file-sieve.ts';
import { buildFilters } from '../../../actors/cold/filter-build.ts';
import type { FindTools } from '../../../actors/cold/question-tools.ts';
import type { EventsQuestion, EventWhere } from '../../../actors/cold/questions.ts';
import type { StreamSnapshot } from '../../../actors/cold/snapshots.ts';
import { ValueFilters } from '../../../actors/cold/value-filters.ts';
import { ALL, FILES, scene, schemaOf, someWhere } from './random-files.ts';

async function buildAll(tools: FindTools): Promise<void> {
  while (await buildFilters(tools));
}

/** For every field that questions below ask about. */
async function withFilters(tools: FindTools, snapshot: StreamSnapshot): Promise<FindTools> {
  const { schema, files } = snapshot;
  const fields = ['id', 'type', 'plan', 'user', 'coupon', 'nobody'];
  tools.filters.wish = { schema, fields, files };
  await buildAll(tools);
  return tools;
}

for (const [from, dictionaryMax] of [
  ['memory', 1],
  ['files', 100],
] as const) {
  test(`a question is answered from filters in ${from} as without them, and reads fewer files`, async (t) => {
    const seed = 20_261_121;
    const { random, snapshot, toolsWith, filesReadBy } = await scene(seed, dictionaryMax);
    const plain = toolsWith(new ValueFilters(0), false);
    const filtered = toolsWith(new ValueFilters(1e7));
    if (from === 'memory') await withFilters(filtered, snapshot);
    let read = { plain: 0, filtered: 0 };
    for (let i = 0; i < 60; i++) {
      const question: EventsQuestion = {
        ...ALL,
        where: someWhere(random),
        ...(random.chance(1 / 8) && { id: `e${random.int(0, 319)}` }),
      };
      const answers: unknown[] = [];
      const ask = (tools: FindTools) => async () => {
        answers.push(await findEvents(tools, snapshot, question));
      };
      read = {
        plain: read.plain + (await filesReadBy(ask(plain))),
        filtered: read.filtered + (await filesReadBy(ask(filtered))),
      };
      t.deepEqual(answers[1], answers[0], `${seed}: ${JSON.stringify(question)}`);
    }
    t.true(read.filtered < read.plain, JSON.stringify(read));
  });
}

test('files with filters in them need no others', async (t) => {
  const { snapshot, toolsWith, filesReadBy } = await scene(11, 100);
  const tools = toolsWith(new ValueFilters(1e7));
  const ask = (question: Partial<EventsQuestion>) =>
    filesReadBy(() => findEvents(tools, snapshot, { ...ALL, ...question }));
  t.is(await ask({ id: 'nobody has this one' }), 0);
  t.is(tools.filters.wish, undefined);
  // Files of the first schema have no column of users.
  const older = snapshot.files.filter(({ schema }) => schema === 1);
  const read = await ask({ where: { field: 'user', eq: 'nobody' } });
  t.true(read >= older.length && read < FILES / 2, `${read} read`);
  const gone = { ...snapshot, files: snapshot.files.map((file) => ({ ...file, bytes: 1 })) };
  t.is(
    await filesReadBy(() => findEvents(toolsWith(new ValueFilters(0)), gone, { ...ALL, id: 'x' })),
    FILES,
  );
});

test('a question that looked far makes the next one of its kind read the files of its value', async (t) => {
  const { snapshot, toolsWith, filesReadBy } = await scene(12);
  const tools = toolsWith(new ValueFilters(1e7));
  const question = { ...ALL, where: { field: 'user', eq: 'longer than what is kept in place' } };
  t.is(await filesReadBy(() => findEvents(tools, snapshot, question)), FILES);
  await buildAll(tools);
  const { events } = await findEvents(tools, snapshot, question);
  const holding = new Set(events.map(({ position }) => position)).size;
  const read = await filesReadBy(() => findEvents(tools, snapshot, question));
  t.true(holding > 0 && read >= holding && read < FILES / 2, `${holding} files, ${read} read`);

  const id = 'nobody has this one';
  t.is(await filesReadBy(() => findEvent(tools, snapshot, { ...ALL, id })), FILES);
  await buildAll(tools);
  t.is(await filesReadBy(() => findEvent(tools, snapshot, { ...ALL, id })), 0);
  t.is(await findEvent(tools, snapshot, { ...ALL, id }), undefined);
});

test('a question that finds its page in the newest files wishes for no filters', async (t) => {
  const { snapshot, toolsWith } = await scene(8);
  const tools = toolsWith(new ValueFilters(1e7));
  await findEvents(tools, snapshot, { ...ALL, first: 3, where: { field: 'type', eq: 't1' } });
  await findEvents(tools, snapshot, ALL);
  t.is(tools.filters.wish, undefined);
});

test('filters that have no room are not made again and again: the newest files have them', async (t) => {
  const { snapshot, toolsWith, filesReadBy } = await scene(9);
  const room = 5_000;
  const tools = toolsWith(new ValueFilters(room));
  const question = { ...ALL, where: { field: 'user', eq: 'u1' } };
  await findEvents(tools, snapshot, question);
  await buildAll(tools);
  t.true(tools.filters.bytes <= room);
  t.true(tools.filters.has(`${FILES - 1}.parquet`, 'user'));
  await findEvents(tools, snapshot, question);
  t.is(await filesReadBy(() => buildAll(tools)), 0);
});

test('a condition that is wrong is refused, whatever filters leave out', async (t) => {
  const { snapshot, toolsWith } = await scene(10);
  const tools = await withFilters(toolsWith(new ValueFilters(1e7)), snapshot);
  const where = { and: [{ field: 'nobody', eq: 'x' }, { field: 'user' }] };
  await t.throwsAsync(findEvents(tools, snapshot, { ...ALL, where }), { code: 'query_invalid' });
});

test('only what every event that fits must have is looked up in filters', (t) => {
  const wanted = (where: EventWhere, version = 3) => wantedTexts(schemaOf(version), { where });
  t.deepEqual(wanted({ field: 'user', eq: 'u1' }), [
    { field: 'user', texts: ['u1'], column: 'user' },
  ]);
  t.deepEqual(wanted({ and: [{ field: 'plan', in: ['a', 1] }] }), [
    { field: 'plan', texts: ['a', '1'], column: undefined },
  ]);
  // It may be in the column of numbers, once there is one.
  t.deepEqual(wanted({ field: 'user', eq: '7' }), []);
  t.deepEqual(wanted({ field: 'user', in: ['u1', 7] }), []);
  t.deepEqual(wanted({ field: 'user', eq: '7' }, 2), [
    { field: 'user', texts: ['7'], column: undefined },
  ]);
  for (const where of [
    { field: 'user', ne: 'u1' },
    { field: 'user', prefix: 'u1' },
    { not: { field: 'user', eq: 'u1' } },
    { or: [{ field: 'user', eq: 'u1' }] },
    { field: 'ts', eq: 7 },
  ]) {
    t.deepEqual(wanted(where), []);
  }
});
