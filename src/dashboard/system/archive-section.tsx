/** Events as files for good: how far that is, and the newest of them. */

import { AsOf } from '../kit/as-of.tsx';
import { grouped, moment, shortBytes } from '../kit/format.ts';
import { Scroll } from '../kit/scroll.tsx';
import type { Archive, Segment } from '../server/answers.ts';
import { Refused, Unanswered } from '../server/quality.tsx';
import { useAsk } from '../server/use-ask.ts';

const ARCHIVE = `{
  archive { url problem fenced version files rows bytes waitingBytes waitingSince missedBytes }
}`;
const SEGMENTS = `{ segments(first: 10) { segments { path stream hour partition rows bytes } rows bytes } }`;

interface Segments {
  readonly segments: { readonly segments: readonly Segment[] };
}

export function ArchiveSection() {
  const { data, error, again } = useAsk<{ readonly archive: Archive | null }>(ARCHIVE);
  return (
    <section id="archive" class="section" aria-labelledby="archive-title">
      <h2 id="archive-title">Archive</h2>
      <Unanswered data={data} error={error} again={again} />
      {data?.archive === null && (
        <p class="quiet">
          This server keeps no archive: events are in aggregates, and in the log for a while.
        </p>
      )}
      {data?.archive && <Numbers archive={data.archive} again={again} />}
    </section>
  );
}

function Numbers({ archive, again }: { archive: Archive; again: () => void }) {
  const {
    url,
    problem,
    fenced,
    version,
    files,
    rows,
    bytes,
    waitingBytes,
    waitingSince,
    missedBytes,
  } = archive;
  return (
    <>
      {problem !== null && (
        <p class="trouble" role="alert">
          {problem}
        </p>
      )}
      {fenced && (
        <p class="trouble" role="alert">
          Another server has claimed the archive: this one writes no more to it until it is
          restarted.
        </p>
      )}
      {missedBytes > 0 && (
        <p class="trouble" role="alert">
          {shortBytes(missedBytes)} of log were deleted before they were archived: these events are
          missing there.
        </p>
      )}
      <p>
        {grouped(files)} files with {grouped(rows)} events, {shortBytes(bytes)}, in version{' '}
        {grouped(version)}
        {url !== null && (
          <>
            {' '}
            at <code>{url}</code>
          </>
        )}
        . {waitingBytes === 0 ? 'Nothing waits' : `${shortBytes(waitingBytes)} of log wait`}
        {waitingSince !== null && ` since ${moment(waitingSince)}`}.{' '}
        <AsOf answer={archive} again={again} />
      </p>
      <NewestSegments key={version} />
    </>
  );
}

function NewestSegments() {
  const { data, error, again } = useAsk<Segments>(SEGMENTS);
  if (error !== undefined) return <Refused error={error} again={again} />;
  const segments = data?.segments.segments ?? [];
  if (segments.length === 0) return null;
  return (
    <Scroll label="Table of files">
      <table>
        <caption class="quiet">The newest of your files, ten at most</caption>
        <thead>
          <tr>
            <th scope="col">Hour of arrival</th>
            <th scope="col">Stream</th>
            <th scope="col">Partition</th>
            <th scope="col" class="number">
              Events
            </th>
            <th scope="col" class="number">
              Size
            </th>
            <th scope="col">File</th>
          </tr>
        </thead>
        <tbody>
          {segments.map(({ path, stream, hour, partition, rows, bytes }) => (
            <tr key={path}>
              <th scope="row">{moment(hour)}</th>
              <td>{stream}</td>
              <td>{partition ?? 'several'}</td>
              <td class="number">{grouped(rows)}</td>
              <td class="number">{shortBytes(bytes)}</td>
              <td>
                <code>{path}</code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
