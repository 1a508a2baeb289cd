/** Live views stand still while they are paused, say how far they are behind, and go on with the newest. */
import { createContext } from 'preact';
import { useCallback, useRef, useState } from 'preact/hooks';
import { clockTime, shortLength } from './format.ts';
import { useViewKeys } from './view-keys.ts';

export interface Pause {
  readonly isPaused: boolean;
  readonly toggle: () => void;
  readonly goOn: () => void;
}

/** Of one view: by its button and by the space bar. `lines` are those of its list, if it has one. */
export function usePause(lines?: string): Pause {
  const [isPaused, setIsPaused] = useState(false);
  const toggle = useCallback(() => setIsPaused((before) => !before), []);
  const goOn = useCallback(() => setIsPaused(false), []);
  useViewKeys(toggle, lines);
  return { isPaused, toggle, goOn };
}

export const PauseButton = ({ isPaused, toggle }: Omit<Pause, 'goOn'>) => (
  <button type="button" aria-pressed={isPaused} onClick={toggle}>
    {isPaused ? 'Go on' : 'Pause'}
  </button>
);

/** Whether live answers below it are held. */
export const PausedContext = createContext(false);

/** What was there when the pause began. Undefined is nothing that could be held. */
export function useHeld<Value>(newest: Value | undefined, isPaused: boolean): Value | undefined {
  const held = useRef(newest);
  if (!isPaused || held.current === undefined || newest === undefined) held.current = newest;
  return held.current;
}

export interface BehindProps {
  /** Where the range ends that is shown, and where that of the newest answer does. */
  readonly shownTo: number;
  readonly newestTo: number;
  readonly timeZone?: string | undefined;
}

export const Behind = ({ shownTo, newestTo, timeZone }: BehindProps) => (
  <span>
    Paused at {clockTime(shownTo, timeZone)}: {shortLength(newestTo - shownTo)} behind.
  </span>
);
