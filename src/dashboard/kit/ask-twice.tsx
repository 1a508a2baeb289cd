/** What cannot be taken back is asked twice; the second time it is said in full. */
import { useState } from 'preact/hooks';

export interface AskTwiceProps {
  readonly first: string;
  readonly then: string;
  readonly isRunning: boolean;
  readonly run: () => Promise<void>;
}

export function AskTwice({ first, then, isRunning, run }: AskTwiceProps) {
  const [isAsked, setIsAsked] = useState(false);
  if (!isAsked) {
    return (
      <button type="button" onClick={() => setIsAsked(true)}>
        {first}
      </button>
    );
  }
  return (
    <button
      type="button"
      disabled={isRunning}
      onBlur={() => setIsAsked(false)}
      // The second click of a double one has not read what it says now.
      onClick={({ detail }) => detail < 2 && void run()}
    >
      {then}
    </button>
  );
}
