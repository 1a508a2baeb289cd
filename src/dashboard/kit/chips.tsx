/** What was chosen, each with a button that takes it away. */
import type { ComponentChildren } from 'preact';

export interface ChipsProps {
  readonly label: string;
  readonly texts: readonly string[];
  readonly remove: (place: number) => void;
  /** What stands behind them, to choose one more. */
  readonly children?: ComponentChildren;
}

export function Chips({ label, texts, remove, children }: ChipsProps) {
  if (texts.length === 0 && children == null) return null;
  return (
    <ul class="chips" aria-label={label}>
      {texts.map((text, place) => (
        <li key={place} class="chip">
          {text}{' '}
          <button
            type="button"
            class="plain cross"
            aria-label={`Remove ${text}`}
            onClick={() => remove(place)}
          >
            ×
          </button>
        </li>
      ))}
      {children && <li>{children}</li>}
    </ul>
  );
}
