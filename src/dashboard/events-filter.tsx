/** What narrows the events: stream, range, conditions and a text. Each change is in the address at once. */
import { useId, useState } from 'preact/hooks';
import { ConditionForm } from './condition-form.tsx';
import { type EventFilter, inWords } from './event-filter.ts';
import { useRollups } from './hooks.ts';
import { streamsOf } from './panels.ts';
import { TextField } from './text-field.tsx';

export interface EventsFilterProps {
  readonly filter: EventFilter;
  readonly change: (changes: Partial<EventFilter>) => void;
}

const RANGES = [
  { name: '15 minutes', ms: 900_000 },
  { name: '1 hour', ms: 3_600_000 },
  { name: '24 hours', ms: 86_400_000 },
] as const;

export function EventsFilter({ filter, change }: EventsFilterProps) {
  const { stream, fromMs, toMs, conditions, contains } = filter;
  const { data: rollups = [] } = useRollups();
  // On a phone there would be no event beside it.
  const [isOpen, setIsOpen] = useState(() => matchMedia('(min-width: 721px)').matches);
  const listId = useId();
  const since = (ms: number | undefined) =>
    change({ fromMs: ms === undefined ? undefined : Date.now() - ms, toMs: undefined });
  return (
    <search>
      <details
        class="event-filter"
        open={isOpen}
        onToggle={({ currentTarget }) => setIsOpen(currentTarget.open)}
      >
        <summary>Filter</summary>
        <div class="choices">
          <TextField
            label="Stream"
            value={stream}
            settle={(value) => change({ stream: value.trim() || 'events' })}
            input={{ list: listId }}
          />
          <datalist id={listId}>
            {streamsOf(rollups).map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
          <TextField
            label="Contains"
            isWide={true}
            value={contains}
            settle={(value) => change({ contains: value })}
            input={{ type: 'search', placeholder: 'a text of any field' }}
          />
        </div>
        <div class="choices">
          <MomentField name="From" ms={fromMs} change={(ms) => change({ fromMs: ms })} />
          <MomentField name="To" ms={toMs} change={(ms) => change({ toMs: ms })} />
          <span class="quick">
            {RANGES.map(({ name, ms }) => (
              <button key={ms} type="button" class="plain" onClick={() => since(ms)}>
                Last {name}
              </button>
            ))}{' '}
            <button type="button" class="plain" onClick={() => since(undefined)}>
              Any time
            </button>
          </span>
        </div>
        <ConditionForm
          key={stream}
          stream={stream}
          add={(condition) => change({ conditions: [...conditions, condition] })}
        />
      </details>
      {conditions.length > 0 && (
        <ul class="conditions" aria-label="Conditions, all of which hold">
          {conditions.map((condition, i) => (
            <li key={i}>
              {inWords(condition)}{' '}
              <button
                type="button"
                class="plain"
                aria-label={`Take away: ${inWords(condition)}`}
                onClick={() => change({ conditions: conditions.filter((_, at) => at !== i) })}
              >
                ×
              </button>
            </li>
          ))}
        </ul>
      )}
    </search>
  );
}

interface MomentFieldProps {
  readonly name: string;
  readonly ms: number | undefined;
  readonly change: (ms: number | undefined) => void;
}

/** On the viewer's clock, by the second: what the address has more exactly stays until it is changed here. */
const MomentField = ({ name, ms, change }: MomentFieldProps) => (
  <TextField
    label={name}
    value={ms === undefined ? '' : localText(ms)}
    settle={(value) => {
      const time = new Date(value).getTime();
      change(Number.isNaN(time) ? undefined : time);
    }}
    input={{ type: 'datetime-local', step: 1 }}
  />
);

/** As the field wants it: without a zone. */
function localText(ms: number): string {
  const date = new Date(ms);
  return new Date(ms - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}
