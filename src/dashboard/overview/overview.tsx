/** One page that answers whether all is well: what comes, what of it is most, and whether the server keeps up. */
import type { ComponentChildren } from 'preact';
import type { Address } from '../kit/address.ts';
import { Behind, PauseButton, PausedContext, useHeld, usePause } from '../kit/pause.tsx';
import { RadioRow } from '../kit/radio-row.tsx';
import { StreamChoice } from '../question/stream-choice.tsx';
import { useStreams } from '../question/use-streams.ts';
import { useTimeseries } from '../question/use-timeseries.ts';
import type { Ledger } from '../server/answers.ts';
import { useRollups } from '../server/known.ts';
import type { LiveAnswer } from '../server/live-answer.ts';
import { Refused, Unanswered, Waiting } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';
import { AlarmsPanel } from './alarms-panel.tsx';
import { FirstRun } from './first-run.tsx';
import { HealthPanel } from './health-panel.tsx';
import { type Offer, offerOf, RANGES, rangeOf } from './panels.ts';
import { QuantilesPanel } from './quantiles-panel.tsx';
import { RatePanel } from './rate-panel.tsx';
import { TypesPanel } from './types-panel.tsx';
import { UniquesPanel } from './uniques-panel.tsx';

const RECEIVED = `query ($stream: String!) { ledger(stream: $stream) { received } }`;

export function Overview({ address }: { address: Address }) {
  const rollups = useRollups();
  const streams = useStreams(rollups.data);
  if (rollups.data === undefined) return <Unanswered {...rollups} />;
  const stream = address.parameters.get('stream') || 'events';
  const offer = offerOf(rollups.data, stream);
  return <Stream key={stream} address={address} stream={stream} streams={streams} offer={offer} />;
}

interface StreamProps {
  readonly address: Address;
  readonly stream: string;
  readonly streams: readonly string[];
  readonly offer: Offer;
}

function Stream({ address, stream, streams, offer }: StreamProps) {
  const received = useAsk<{ readonly ledger: Pick<Ledger, 'received'> }>(RECEIVED, { stream });
  const finestMs = Math.max(1_000, offer.counting?.resolutions[0]?.stepMs ?? 0);
  // What comes now, in its newest minute.
  const now = useTimeseries(
    offer.counting && {
      stream,
      last: `${Math.max(60_000, 20 * finestMs)}ms`,
      step: `${finestMs}ms`,
      measures: [{ op: 'rate' }],
      fill: 'ZERO',
    },
  );
  const isEmpty = received.data?.ledger.received === 0;
  const { error, again } = received.error === undefined ? now : received;
  const refused = error && <Refused error={error} again={again} />;
  const choices = <StreamChoices address={address} stream={stream} streams={streams} />;
  const isAnswered = received.data !== undefined;
  if (isAnswered && !isEmpty && offer.counting !== undefined) {
    return (
      <Live address={address} stream={stream} offer={offer} now={now.data} choices={choices}>
        {refused}
      </Live>
    );
  }
  return (
    <>
      <div class="bar">
        {!isEmpty && <h1>Overview</h1>}
        {choices}
      </div>
      {refused}
      {!isAnswered ? (
        error === undefined && <Waiting />
      ) : isEmpty ? (
        <FirstRun stream={stream} arrived={received.again} go={address.go} />
      ) : (
        <p>
          No rollup counts the events of stream {stream}, so there is nothing to show live. Declare
          one with measure <code>count</code> in the configuration, or by the mutation{' '}
          <code>defineRollup</code>.
        </p>
      )}
    </>
  );
}

interface LiveProps {
  readonly address: Address;
  readonly stream: string;
  readonly offer: Offer;
  readonly now: LiveAnswer | undefined;
  /** What else can be chosen. */
  readonly choices: ComponentChildren;
  /** What went wrong. */
  readonly children: ComponentChildren;
}

function Live({ address, stream, offer, now, choices, children }: LiveProps) {
  const range = rangeOf(address.parameters.get('range'));
  const { isPaused, toggle } = usePause();
  const shownNow = useHeld(now, isPaused);
  const { byType, distinct, quantiles } = offer;
  return (
    <>
      <div class="bar">
        <h1>Overview</h1>
        {choices}
        <RadioRow
          legend="Time range"
          name="range"
          options={RANGES.map(({ last, name }) => ({
            value: last,
            text: name,
            isChosen: last === range.last,
            choose: () => address.set({ range: last }),
          }))}
        />
        <span class="actions">
          <PauseButton isPaused={isPaused} toggle={toggle} />{' '}
          {isPaused && now && shownNow && <Behind shownTo={shownNow.to} newestTo={now.to} />}
        </span>
      </div>
      {children}
      <PausedContext.Provider value={isPaused}>
        <div class="panels">
          <RatePanel stream={stream} range={range} now={shownNow} />
          {byType && <TypesPanel stream={stream} range={range} rollup={byType} />}
          <AlarmsPanel />
          {distinct.size > 0 && (
            <UniquesPanel stream={stream} range={range} fields={distinct} address={address} />
          )}
          {quantiles.size > 0 && (
            <QuantilesPanel stream={stream} range={range} fields={quantiles} address={address} />
          )}
          <HealthPanel go={address.go} />
        </div>
      </PausedContext.Provider>
    </>
  );
}

type StreamChoicesProps = Omit<StreamProps, 'offer'>;

function StreamChoices({ address, stream, streams }: StreamChoicesProps) {
  if (streams.every((each) => each === stream)) return null;
  return (
    <StreamChoice
      stream={stream}
      streams={streams}
      choose={(next) => address.set({ stream: next, field: undefined })}
    />
  );
}
