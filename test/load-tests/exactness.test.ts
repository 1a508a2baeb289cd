/** `npm run verify`, in small: a server as it is run, asked over HTTP, beside DuckDB over the lines that it was sent. */
import test from 'ava';
import { questionsUpTo } from '../../load-tests/exactness/questions.ts';
import { Scene } from '../../load-tests/exactness/scene.ts';
import { postEvents } from '../../load-tests/post-events.ts';
import { removeScratch, scratchFolder } from '../../load-tests/scratch.ts';

const MINUTE_MS = 60_000;
const EVENTS = 20_000;
/** What one event more changes, whatever it is. */
const TOLD_BY = [
  ...['count', 'rate', 'rate(duration_ms)', 'sum(duration_ms)', 'sum(amount)', 'count where'],
  ...['histogram(duration_ms)', 'histogram(amount)', 'top(url)', 'top(url, amount)'],
];

test('every measure is exact or within its bound, and one event more than was sent is found', async (t) => {
  const folder = scratchFolder('exactness');
  const endMs = Math.floor(Date.now() / MINUTE_MS) * MINUTE_MS;
  const scene = await Scene.prepare(folder, EVENTS, endMs);
  t.teardown(async () => {
    await scene.close();
    removeScratch(folder);
  });
  // Of the year of zones those that ask more than counts and sums: the lengths of days are tried elsewhere.
  const questions = questionsUpTo(endMs).filter(
    ({ stream, sets }) => stream === 'events' || (stream === 'adversarial' && sets.length > 1),
  );
  for (const question of questions) {
    for (const { measure, asked, faults } of await scene.verify(question)) {
      t.deepEqual(faults, [], `${measure}, ${asked}`);
    }
  }

  const more = { type: 'click', ts: endMs - 1, duration_ms: 7, amount: 1, user: 'u', url: '/' };
  await postEvents(scene.server, 'events', JSON.stringify({ ...more, country: 'US' }));
  await scene.server.caughtUp();
  const [minutes] = questions.filter(({ from }) => from === MINUTE_MS);
  const found = minutes === undefined ? [] : await scene.verify(minutes);
  const out = new Set(found.filter(({ faults }) => faults.length > 0).map((each) => each.measure));
  t.deepEqual(
    TOLD_BY.filter((measure) => !out.has(measure)),
    [],
  );
});
