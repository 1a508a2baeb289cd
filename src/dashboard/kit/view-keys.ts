/** A view by keyboard: space holds what is live, `/` goes to the filter; j, k and the arrows go through its list, if it has one. */
import { useEffect } from 'preact/hooks';

/** What is written with keys, or chosen by a letter: all but what is one of several in sight. */
const WRITTEN = 'input:not([type="radio"]), textarea, select';

/** Keys belong to what is written, with others to the browser, and to a dialog as long as it is open. */
export const isForKeys = ({ ctrlKey, metaKey, altKey, target }: KeyboardEvent): boolean =>
  !(ctrlKey || metaKey || altKey) &&
  !(target instanceof Element && target.matches(WRITTEN)) &&
  document.querySelector('dialog[open]') === null;

/** What the space bar presses itself; one of several that is chosen already is no more chosen by it. */
const PRESSED = 'button, summary, a, input:not(:checked)';
/** The filter is what tells of the key `/` itself. */
const FILTER = '[aria-keyshortcuts="/"]';
const STEP_OF: Readonly<Record<string, 1 | -1>> = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };

/** `lines` finds those of the list, which take the focus and are opened by Enter. */
export function useViewKeys(pause: () => void, lines?: string): void {
  useEffect(() => {
    const isLine = (target: EventTarget | null) =>
      lines !== undefined && target instanceof Element && target.matches(lines);
    const isPressable = (target: EventTarget | null) =>
      target instanceof Element && target.closest(PRESSED) !== null;
    const pressed = (event: KeyboardEvent) => {
      if (!isForKeys(event)) return;
      const { key, target } = event;
      const step = lines === undefined ? undefined : STEP_OF[key];
      if (key === ' ' && (isLine(target) || !isPressable(target))) {
        pause();
      } else if (key === '/') {
        document.querySelector<HTMLElement>(FILTER)?.focus();
      } else if (
        lines !== undefined &&
        step !== undefined &&
        (isLine(target) || key.length === 1)
      ) {
        // Arrows scroll the page unless one is in the list.
        const all = [...document.querySelectorAll<HTMLElement>(lines)];
        all[Math.max(0, all.indexOf(target as HTMLElement) + step)]?.focus();
      } else {
        return;
      }
      event.preventDefault();
    };
    // Of a focused line: some browsers press a button when the key comes up.
    const released = (event: KeyboardEvent) => {
      if (event.key === ' ' && isLine(event.target)) event.preventDefault();
    };
    addEventListener('keydown', pressed);
    addEventListener('keyup', released);
    return () => {
      removeEventListener('keydown', pressed);
      removeEventListener('keyup', released);
    };
  }, [pause, lines]);
}
