/** Of what is asked once: when that was, and how to ask again. */
import { useEffect, useState } from 'preact/hooks';
import { clockTime } from './format.ts';

export interface AsOfProps {
  /** What was answered last: a new one is of now. */
  readonly answer: unknown;
  readonly again: () => void;
}

export function AsOf({ answer, again }: AsOfProps) {
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

/** Of a range that ends now, and does not move on. */
export const NotLive = ({ answer, again }: AsOfProps) => (
  <p class="quiet">
    Not live: no rollup keeps what is asked for. <AsOf answer={answer} again={again} />
  </p>
);
