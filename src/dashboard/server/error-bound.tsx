/** How far a number may be off, said behind it. */
import { shortNumber } from '../kit/format.ts';
import type { MeasuredValue } from './answers.ts';

export interface ErrorBoundProps {
  readonly value: MeasuredValue | undefined;
  /** The number is shown as a whole one: what does not change that is not said. */
  readonly isWhole: boolean;
}

export function ErrorBound({ value, isWhole }: ErrorBoundProps) {
  const errorBound = value?.errorBound ?? 0;
  if (errorBound <= 0 || (isWhole && errorBound < 0.5)) return null;
  return (
    <small title="In 95 % of cases the true number lies within this">
      {' '}
      ± {shortNumber(errorBound)}
    </small>
  );
}
