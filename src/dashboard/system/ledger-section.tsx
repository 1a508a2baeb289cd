/** What became of every event that arrived: a sum that has to come out. */

import { AsOf } from '../kit/as-of.tsx';
import { grouped } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';
import { streamsOf } from '../question/streams.ts';
import type { Ledger } from '../server/answers.ts';
import { useAsk, useRollups } from '../server/hooks.ts';
import { Refused, Waiting } from '../server/quality.tsx';

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
  return (
    <section id="ledger" class="section" aria-labelledby="ledger-title">
      <h2 id="ledger-title">Ledger</h2>
      {rollups.error && <Refused error={rollups.error} />}
      {rollups.data && <Lines streams={streamsOf(rollups.data).slice(0, STREAMS_MAX)} />}
    </section>
  );
}

function Lines({ streams }: { streams: readonly string[] }) {
  const names = streams.map((_, i) => `$s${i}: String!`).join(', ');
  const fields = streams.map(
    (_, i) => `s${i}: ledger(stream: $s${i}) { ${COLUMNS.join(' ')} balanced }`,
  );
  const variables = Object.fromEntries(streams.map((stream, i) => [`s${i}`, stream]));
  const { data, error, again } = useAsk<Readonly<Record<string, Ledger>>>(
    `query (${names}) { ${fields.join(' ')} }`,
    variables,
  );
  if (error !== undefined) return <Refused error={error} />;
  if (data === undefined) return <Waiting />;
  return (
    <>
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
    </>
  );
}
