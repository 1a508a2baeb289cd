/** What narrows the events: stream, range, conditions and a text. Each change is in the address at once. */
import { useId, useState } from 'preact/hooks';
import { Chips } from '../kit/chips.tsx';
import { epochMsOf, localTimeOf, VIEWERS_ZONE } from '../kit/local-time.ts';
import { TextField } from '../kit/text-field.tsx';
import { conditionText, OPERATORS } from '../question/condition.ts';
import { ConditionForm } from '../question/condition-form.tsx';
import { useStreams } from '../question/use-streams.ts';
import { useRollups, useStreamFields } from '../server/known.ts';
import type { EventFilter } from './event-filter.ts';

export interface EventsFilterProps {
  readonly filter: EventFilter;
  readonly change: (changes: Partial<EventFilter>) => void;
}

const RANGES = [
  { name: '15 minutes', ms: 900_000 },
  { name: '1 hour', ms: 3_600_000 },
  { name: '24 hours', ms: 86_400_000 },
] as const;

/** Of every event. */
const OF_ALL = ['id', 'type', 'ts'] as const;
const OF_EVENTS = OPERATORS.map(({ name }) => name).filter((name) => name !== 'in');

export function EventsFilter({ filter, change }: EventsFilterProps) {
  const { stream, fromMs, toMs, conditions, contains } = filter;
  const { data: rollups = [] } = useRollups();
  const { data: fields = [] } = useStreamFields(stream);
  // On a phone there would be no event beside it.
  const [isOpen, setIsOpen] = useState(() => matchMedia('(min-width: 721px)').matches);
  const listId = useId();
  const streams = useStreams(rollups);
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
            {streams.map((each) => (
              <option key={each} value={each} />
            ))}
          </datalist>
          <TextField
            label="Contains"
            isWide={true}
            value={contains}
            settle={(value) => change({ contains: value })}
            input={{
              ...{ type: 'search', placeholder: 'a text of any field' },
              'aria-keyshortcuts': '/',
            }}
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
          fields={[...OF_ALL, ...fields.map(({ name }) => name)]}
          samplesOf={(field) => fields.find(({ name }) => name === field)?.samples ?? []}
          operators={OF_EVENTS}
          add={(condition) => change({ conditions: [...conditions, condition] })}
        />
      </details>
      <Chips
        label="Conditions, all of which hold"
        texts={conditions.map(conditionText)}
        remove={(place) => change({ conditions: conditions.filter((_, i) => i !== place) })}
      />
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
    value={ms === undefined ? '' : localTimeOf(ms, VIEWERS_ZONE)}
    settle={(value) => change(epochMsOf(value, VIEWERS_ZONE))}
    input={{ type: 'datetime-local', step: 1 }}
  />
);
