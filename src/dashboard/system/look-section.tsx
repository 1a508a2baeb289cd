/** A section of what the server's threads are asked each second; one that does not answer leaves it out. */
import type { ComponentChildren } from 'preact';
import { clockTime } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';

export interface LookSectionProps<Row> {
  readonly id: string;
  readonly title: string;
  /** When the look was taken. */
  readonly at: number;
  readonly rows: readonly Row[] | null;
  readonly note?: string;
  /** The table of what was seen. */
  readonly children: (rows: readonly Row[]) => ComponentChildren;
}

export function LookSection<Row>({ id, title, at, rows, note, children }: LookSectionProps<Row>) {
  return (
    <section id={id} class="section" aria-labelledby={`${id}-title`}>
      <h2 id={`${id}-title`}>{title}</h2>
      {rows === null ? (
        <p>Some thread did not answer in time; the next look is a second away.</p>
      ) : (
        <>
          <p class="quiet">
            As of {clockTime(at)}, every second. {note}
          </p>
          <Scroll label={`Table of ${id}`}>{children(rows)}</Scroll>
        </>
      )}
    </section>
  );
}
