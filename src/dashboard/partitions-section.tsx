/** How far each partition has come with the log. */
import type { Health } from './answers.ts';
import { clockTime, grouped, moment, shortBytes } from './format.ts';
import { Scroll } from './scroll.tsx';

export function PartitionsSection({ health: { at, partitions } }: { health: Health }) {
  return (
    <section id="partitions" class="section" aria-labelledby="partitions-title">
      <h2 id="partitions-title">Partitions</h2>
      {partitions === null ? (
        <p>Some thread did not answer in time; the next look is a second away.</p>
      ) : (
        <>
          <p class="quiet">As of {clockTime(at)}, every second. Offsets are those of the log.</p>
          <Scroll label="Table of partitions">
            <table>
              <thead>
                <tr>
                  <th scope="col">Partition</th>
                  <th scope="col" class="number">
                    Applied to
                  </th>
                  <th scope="col" class="number">
                    Committed to
                  </th>
                  <th scope="col" class="number">
                    Lag
                  </th>
                  <th scope="col">Complete to</th>
                  <th scope="col" class="number">
                    Series
                  </th>
                  <th scope="col" class="number">
                    Remembered ids
                  </th>
                </tr>
              </thead>
              <tbody>
                {partitions.map(
                  ({
                    id,
                    appliedOffset,
                    committedOffset,
                    lagBytes,
                    watermark,
                    series,
                    dedupIds,
                  }) => (
                    <tr key={id}>
                      <th scope="row">{id}</th>
                      <td class="number">{grouped(appliedOffset)}</td>
                      <td class="number">{grouped(committedOffset)}</td>
                      <td class="number">{shortBytes(lagBytes)}</td>
                      <td>{watermark === null ? 'no event yet' : moment(watermark)}</td>
                      <td class="number">{grouped(series)}</td>
                      <td class="number">{grouped(dedupIds)}</td>
                    </tr>
                  ),
                )}
              </tbody>
            </table>
          </Scroll>
        </>
      )}
    </section>
  );
}
