/** A list by keyboard: j, k and the arrows go through it, space holds what is live, `/` goes to the search. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { isWriting } from './keys.tsx';

const STEP_OF: Readonly<Record<string, 1 | -1>> = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 };

/** `selector` finds the lines, which take the focus and are opened by Enter. */
export function useListKeys<List extends HTMLElement>(
  selector: string,
  pause: () => void,
): RefObject<List | null> {
  const list = useRef<List>(null);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const { key, target } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || isWriting(target)) return;
      const lines = [...(list.current?.querySelectorAll<HTMLElement>(selector) ?? [])];
      const at = lines.indexOf(target as HTMLElement);
      const step = STEP_OF[key];
      if (key === ' ' && (at >= 0 || !isPressable(target))) {
        event.preventDefault();
        pause();
      } else if (key === '/') {
        event.preventDefault();
        document.querySelector<HTMLElement>('input[type=search]')?.focus();
      } else if (step !== undefined && (at >= 0 || key.length === 1)) {
        // Arrows scroll the page unless one is in the list.
        event.preventDefault();
        lines[Math.max(0, at + step)]?.focus();
      }
    };
    // Of a focused line: some browsers press a button when the key comes up.
    const released = (event: KeyboardEvent) => {
      const isLine = event.target instanceof Element && event.target.matches(selector);
      if (event.key === ' ' && isLine) event.preventDefault();
    };
    addEventListener('keydown', pressed);
    addEventListener('keyup', released);
    return () => {
      removeEventListener('keydown', pressed);
      removeEventListener('keyup', released);
    };
  }, [selector, pause]);
  return list;
}

const isPressable = (target: EventTarget | null): boolean =>
  target instanceof Element && target.closest('button, summary, a, select') !== null;
