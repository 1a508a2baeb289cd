/** The page by keyboard: `g` and a letter goes to a view, `?` lists what there is. */
import { useEffect, useRef } from 'preact/hooks';

const VIEW_OF: Readonly<Record<string, string>> = {
  o: '/',
  e: '/explore',
  v: '/events',
  a: '/alarms',
  s: '/system',
};
/** A letter that comes later belongs to no `g`. */
const SECOND_KEY_MS = 1_500;

export function Keys({ go }: { go: (path: string) => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    let goPressedMs = Number.NEGATIVE_INFINITY;
    const pressed = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
      const path = VIEW_OF[event.key];
      if (event.key === '?') {
        dialog.current?.showModal();
      } else if (event.key === 'g') {
        goPressedMs = event.timeStamp;
      } else if (path !== undefined && event.timeStamp - goPressedMs < SECOND_KEY_MS) {
        go(path);
      }
    };
    addEventListener('keydown', pressed);
    return () => removeEventListener('keydown', pressed);
  }, [go]);
  return (
    <dialog ref={dialog} aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl class="keys">
        <dt>
          <kbd>g</kbd> <kbd>o</kbd>
        </dt>
        <dd>Overview</dd>
        <dt>
          <kbd>g</kbd> <kbd>e</kbd>
        </dt>
        <dd>Explore</dd>
        <dt>
          <kbd>g</kbd> <kbd>v</kbd>
        </dt>
        <dd>Events</dd>
        <dt>
          <kbd>g</kbd> <kbd>a</kbd>
        </dt>
        <dd>Alarms</dd>
        <dt>
          <kbd>g</kbd> <kbd>s</kbd>
        </dt>
        <dd>System</dd>
        <dt>
          <kbd>space</kbd>
        </dt>
        <dd>Pauses what is live, and goes on</dd>
        <dt>
          <kbd>/</kbd>
        </dt>
        <dd>To the filter</dd>
        <dt>
          <kbd>j</kbd> <kbd>k</kbd>
        </dt>
        <dd>In a list of events: the next, the one before; Enter opens it</dd>
        <dt>
          <kbd>←</kbd> <kbd>→</kbd>
        </dt>
        <dd>In a chart: from step to step; Enter holds one</dd>
        <dt>
          <kbd>?</kbd>
        </dt>
        <dd>This list</dd>
        <dt>
          <kbd>Esc</kbd>
        </dt>
        <dd>Closes it</dd>
      </dl>
      <form method="dialog">
        <button type="submit">Close</button>
      </form>
    </dialog>
  );
}

/** Keys belong to what is written. */
export const isWriting = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
