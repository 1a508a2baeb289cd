/** Live answers that are shown together. */
import test from 'ava';
import { showNever, showTogether } from '../../../src/dashboard/server/together.ts';

const page = Object.assign(new EventTarget(), { hidden: false });
Object.assign(globalThis, { document: page });

/** Resolves with the next ones that are shown, after `names` were asked for. */
async function shownOf(...names: readonly string[]): Promise<string[]> {
  const shown: string[] = [];
  for (const name of names) showTogether(() => shown.push(name));
  await new Promise<void>((resolve) => showTogether(resolve));
  return shown;
}

test.serial('what comes soon after one another is shown in one go, in its order', async (t) => {
  t.deepEqual(await shownOf('a', 'b'), ['a', 'b']);
  t.deepEqual(await shownOf('c'), ['c']);
});

test.serial('what has changed again before it is shown is shown once', async (t) => {
  let shown = 0;
  const show = () => {
    shown += 1;
  };
  showTogether(show);
  showTogether(show);
  await shownOf();
  t.is(shown, 1);
});

test.serial('what nobody wants any more is not shown', async (t) => {
  const show = () => t.fail();
  showTogether(show);
  showNever(show);
  t.deepEqual(await shownOf('other'), ['other']);
});

test.serial('a page that is hidden shows what is the newest once it is seen', async (t) => {
  page.hidden = true;
  const looked = Promise.withResolvers<void>();
  const { addEventListener } = page;
  page.addEventListener = (...args: Parameters<typeof addEventListener>) => {
    addEventListener.apply(page, args);
    looked.resolve();
  };
  const shown: string[] = [];
  const all = shownOf('a', 'b').then((names) => shown.push(...names));
  await looked.promise;
  t.deepEqual(shown, []);
  page.hidden = false;
  page.dispatchEvent(new Event('visibilitychange'));
  await all;
  t.deepEqual(shown, ['a', 'b']);
});
