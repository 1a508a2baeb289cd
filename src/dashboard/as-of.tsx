/** Of what is asked once: when that was, and how to ask again. */
import { useEffect, useState } from 'preact/hooks';
import { clockTime } from './format.ts';

/** `answer` is what was answered last: a new one is of now. */
export function AsOf({ answer, again }: { answer: unknown; again: () => void }) {
  const [atMs, setAtMs] = useState<number>();
  useEffect(() => {
    if (answer !== undefined) setAtMs(Date.now());
  }, [answer]);
  return (
    <span class="as-of quiet">
      {atMs !== undefined && `As of ${clockTime(atMs)} `}
      <button type="button" class="plain" onClick={again}>
        Ask again
      </button>
    </span>
  );
}
