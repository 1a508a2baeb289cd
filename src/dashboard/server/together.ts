/**
 * Live answers of a page are shown together. Each change of a page has the browser lay out, paint and compose it anew, however little
 * has changed: that costs more than what changes.
 */

/** What comes within it is shown at once. Longer, and answers of one second are seen late; shorter, and they miss one another. */
const GATHER_MS = 300;

const waiting = new Set<() => void>();
let isDue = false;

/** Calls `show` with those of others; once, however often it is asked for until then. Not while nobody sees the page. */
export function showTogether(show: () => void): void {
  waiting.add(show);
  if (!isDue) setTimeout(showAll, GATHER_MS);
  isDue = true;
}

export const showNever = (show: () => void): void => {
  waiting.delete(show);
};

function showAll(): void {
  if (document.hidden) {
    document.addEventListener('visibilitychange', showAll, { once: true });
    return;
  }
  isDue = false;
  const all = [...waiting];
  waiting.clear();
  for (const show of all) show();
}
