/** What became of every event that arrived: a sum that has to come out. */

import { AsOf } from '../kit/as-of.tsx';
import { counted, grouped } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';
import { streamsOf } from '../question/streams.ts';
import { useStreamNames } from '../question/use-streams.ts';
import type { Ledger } from '../server/answers.ts';
import { useRollups } from '../server/known.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';

const COLUMNS = [
  'received',
  'applied',
  'duplicate',
  'rejected',
  'pending',
  'clamped',
  'expired',
  'erased',
] as const;
/** Each costs the server a look into all partitions; a request may cost so much. */
const STREAMS_MAX = 12;

export function LedgerSection() {
  const rollups = useRollups();
  const names = useStreamNames();
  return (
    <section id="ledger" class="section" aria-labelledby="ledger-title">
      <h2 id="ledger-title">Ledger</h2>
      <Unanswered {...(names.data === undefined ? names : rollups)} />
      {rollups.data && names.data && <Lines streams={streamsOf(rollups.data, names.data)} />}
    </section>
  );
}

function Lines({ streams: all }: { streams: readonly string[] }) {
  const streams = all.slice(0, STREAMS_MAX);
  const names = streams.map((_, i) => `$s${i}: String!`).join(', ');
  const fields = streams.map(
    (_, i) => `s${i}: ledger(stream: $s${i}) { ${COLUMNS.join(' ')} balanced }`,
  );
  const variables = Object.fromEntries(streams.map((stream, i) => [`s${i}`, stream]));
  const { data, error, again } = useAsk<Readonly<Record<string, Ledger>>>(
    `query (${names}) { ${fields.join(' ')} }`,
    variables,
  );
  if (data === undefined) return <Unanswered data={data} error={error} again={again} />;
  return (
    <>
      {error && <Refused error={error} />}
      <p class="quiet">
        Received = applied + duplicate + rejected + pending. Of the applied: clamped to their
        arrival, expired, erased. <AsOf answer={data} again={again} />
      </p>
      <Scroll label="Table of streams">
        <table>
          <thead>
            <tr>
              <th scope="col">Stream</th>
              {COLUMNS.map((column) => (
                <th key={column} scope="col" class="number">
                  {column}
                </th>
              ))}
              <th scope="col">Sum</th>
            </tr>
          </thead>
          <tbody>
            {streams.map((stream, i) => {
              const ledger = data[`s${i}`];
              return (
                <tr key={stream}>
                  <th scope="row">{stream}</th>
                  {COLUMNS.map((column) => (
                    <td key={column} class="number">
                      {grouped(ledger?.[column] ?? 0)}
                    </td>
                  ))}
                  <td>
                    {ledger?.balanced === true ? (
                      'comes out'
                    ) : (
                      <span class="noted">
                        does not come out just now: ask again, and look for unbalanced in the log if
                        it stays
                      </span>
                    )}
                  </td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </Scroll>
      {all.length > streams.length && (
        <p class="quiet">
          The first {streams.length} of {counted(all.length, 'stream')}; GraphQL's{' '}
          <code>ledger</code>
          answers for each.
        </p>
      )}
    </>
  );
}
