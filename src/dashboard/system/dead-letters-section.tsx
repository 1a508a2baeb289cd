/** Events that were refused: by what, what was received, and one fixed and sent again. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { AsOf } from '../kit/as-of.tsx';
import { counted, grouped } from '../kit/format.ts';
import { Pager } from '../kit/pager.tsx';
import { RadioRow } from '../kit/radio-row.tsx';
import type { DeadLetter, DeadLetterCount } from '../server/answers.ts';
import { Unanswered } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';
import { DeadLetterRow } from './dead-letter-row.tsx';

const LETTERS = `query ($stream: String, $code: String, $after: String) {
  deadLetterCounts { counts { stream code letters } complete }
  deadLetters(stream: $stream, code: $code, after: $after, first: 20) {
    letters { id arrival stream code message text base64 }
    nextCursor
  }
}`;

interface Answer {
  readonly deadLetterCounts: {
    readonly counts: readonly DeadLetterCount[];
    readonly complete: boolean;
  };
  readonly deadLetters: {
    readonly letters: readonly DeadLetter[];
    readonly nextCursor: string | null;
  };
}

interface Place {
  readonly stream?: string;
  readonly code?: string;
  readonly after?: string;
}

/** `rejected`: how many the server has refused since its start, where it tells. */
export function DeadLettersSection({ rejected }: { rejected: number | undefined }) {
  const [place, setPlace] = useState<Place>({});
  const { data, error, again } = useAsk<Answer>(LETTERS, place);
  const newer = useNewer(rejected, data);
  const section = useRef<HTMLElement>(null);
  const isThere = data !== undefined;
  useEffect(() => {
    if (isThere && location.hash === '#dead-letters') section.current?.scrollIntoView();
  }, [isThere]);
  return (
    <section id="dead-letters" ref={section} class="section" aria-labelledby="dead-letters-title">
      <h2 id="dead-letters-title">Dead letters</h2>
      <Unanswered data={data} error={error} again={again} />
      {data && (
        <>
          <p class="quiet">
            Events that were refused, the newest first; they show up about two seconds after they
            came. <AsOf answer={data} again={again} />{' '}
            <span role="status">
              {newer > 0 && `${counted(newer, 'event')} refused since then.`}
            </span>
          </p>
          {data.deadLetterCounts.counts.length === 0 ? (
            <p>Nothing was refused.</p>
          ) : (
            <Kinds counts={data.deadLetterCounts.counts} place={place} show={setPlace} />
          )}
          {!data.deadLetterCounts.complete && (
            <p class="quiet">These counts are of a part of them: there are too many to count.</p>
          )}
          <ul class="letters">
            {data.deadLetters.letters.map((letter) => (
              <DeadLetterRow key={letter.id} letter={letter} />
            ))}
          </ul>
          <Pager
            after={place.after}
            next={data.deadLetters.nextCursor}
            show={(after) =>
              setPlace(({ after: _, ...kind }) => (after ? { ...kind, after } : kind))
            }
          />
        </>
      )}
    </section>
  );
}

interface KindsProps {
  readonly counts: readonly DeadLetterCount[];
  readonly place: Place;
  readonly show: (place: Place) => void;
}

/** Kinds beyond are found by the whole list. */
const KINDS_SHOWN = 12;

function Kinds({ counts, place, show }: KindsProps) {
  const all = counts.reduce((sum, { letters }) => sum + letters, 0);
  const kinds = counts.slice(0, KINDS_SHOWN);
  return (
    <RadioRow
      legend="Which"
      name="kind"
      options={[
        {
          value: '',
          text: `All ${grouped(all)}`,
          isChosen: place.code === undefined,
          choose: () => show({}),
        },
        ...kinds.map(({ stream, code, letters }) => ({
          value: `${stream} ${code}`,
          text: `${stream}: ${code} ${grouped(letters)}`,
          isChosen: place.code === code && place.stream === stream,
          choose: () => show({ stream, code }),
        })),
      ]}
    />
  );
}

/** Events that were refused since the list was asked for. */
function useNewer(rejected: number | undefined, answer: Answer | undefined): number {
  const newest = useRef(rejected);
  newest.current = rejected;
  const [asked, setAsked] = useState<{
    readonly answer: Answer;
    readonly rejected: number | undefined;
  }>();
  useEffect(() => {
    if (answer !== undefined) setAsked({ answer, rejected: newest.current });
  }, [answer]);
  return (rejected ?? 0) - (asked?.rejected ?? rejected ?? 0);
}
