/** What the lines of a chart are, what each has at the step that is pointed at, and which of them are shown. */
import type { Address } from '../kit/address.ts';
import { moment, wholeMoment } from '../kit/format.ts';
import { Link } from '../kit/link.tsx';
import { colourOf, isDashed } from './colours.ts';
import type { Line } from './plot.ts';

export interface Step {
  readonly from: number;
  readonly to: number;
}

/** From a number to the events behind it. */
export interface ToEvents {
  /** Undefined: there are none to list. Without a line: those of all of them. */
  readonly path: (step: Step, line?: Line) => string | undefined;
  readonly go: Address['go'];
}

export interface LegendProps {
  readonly lines: readonly Line[];
  readonly hidden: ReadonlySet<string>;
  readonly toggle: (name: string) => void;
  readonly step: Step | undefined;
  readonly index: number;
  readonly kind: 'last' | 'pointed' | 'pinned';
  readonly release: () => void;
  readonly shown: (value: number | null | undefined) => string;
  readonly timeZone: string | undefined;
  readonly toEvents: ToEvents | undefined;
}

export function Legend({ lines, step, index, kind, release, shown, ...props }: LegendProps) {
  const { hidden, toggle, timeZone, toEvents } = props;
  const own = lines.filter(({ beside }) => beside === undefined);
  const isPinned = kind === 'pinned';
  const all = isPinned && step !== undefined ? toEvents?.path(step) : undefined;
  return (
    <figcaption class="legend">
      {own.map((line, place) => {
        const { name, values } = line;
        const value = shown(values[index]);
        const earlier = lines.find(({ beside }) => beside === name);
        const path =
          isPinned && step !== undefined && own.length > 1 ? toEvents?.path(step, line) : undefined;
        return (
          <span key={name}>
            {own.length === 1 ? (
              <>
                <Swatch line={line} place={place} /> {name}
              </>
            ) : (
              <button
                type="button"
                class="plain toggle"
                aria-pressed={!hidden.has(name)}
                title="Show or hide it"
                onClick={() => toggle(name)}
              >
                <Swatch line={line} place={place} /> {name}
              </button>
            )}{' '}
            <b class="number">
              {path === undefined || toEvents === undefined ? (
                value
              ) : (
                <Link path={path} go={toEvents.go}>
                  {value}
                </Link>
              )}
            </b>
            {earlier !== undefined && (
              <span class="quiet" title={earlier.name}>
                {' '}
                <Swatch line={earlier} place={place} /> {shown(earlier.values[index])}
              </span>
            )}
          </span>
        );
      })}
      {step !== undefined && (
        <time class="quiet" title={wholeMoment(step.from, timeZone)}>
          {kind === 'last' ? 'last step, ' : ''}
          {moment(step.from, Date.now(), timeZone)}
        </time>
      )}
      {isPinned && (
        <span>
          {all !== undefined && toEvents !== undefined && (
            <Link path={all} go={toEvents.go}>
              Events of this step
            </Link>
          )}{' '}
          <button type="button" class="plain" onClick={release}>
            Let go
          </button>
        </span>
      )}
    </figcaption>
  );
}

function Swatch({ line: { look, beside }, place }: { line: Line; place: number }) {
  const at = look ?? place;
  const dash = beside !== undefined ? 'dotted' : isDashed(at) ? 'dashed' : '';
  return <i class={`swatch line-${colourOf(at)} ${dash}`} aria-hidden="true" />;
}
