/** Through a list by its cursors: to what is older, and back to the newest. */
export interface PagerProps {
  /** The cursor that the shown page is behind; undefined: it is the newest. */
  readonly after: string | undefined;
  /** Null: nothing is older. */
  readonly next: string | null;
  readonly show: (after: string | undefined) => void;
}

export const Pager = ({ after, next, show }: PagerProps) => (
  <p class="actions">
    {after !== undefined && (
      <button type="button" onClick={() => show(undefined)}>
        Newest
      </button>
    )}{' '}
    {next !== null && (
      <button type="button" onClick={() => show(next)}>
        Older ones
      </button>
    )}
  </p>
);
