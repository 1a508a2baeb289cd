/** How far each partition has come with the log. */

import { grouped, moment, shortBytes } from '../kit/format.ts';
import type { Health } from '../server/answers.ts';
import { LookSection } from './look-section.tsx';

export function PartitionsSection({ health: { at, partitions } }: { health: Health }) {
  return (
    <LookSection
      id="partitions"
      title="Partitions"
      at={at}
      rows={partitions}
      note="Offsets are those of the log."
    >
      {(rows) => (
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
            {rows.map(
              ({ id, appliedOffset, committedOffset, lagBytes, watermark, series, dedupIds }) => (
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
      )}
    </LookSection>
  );
}
