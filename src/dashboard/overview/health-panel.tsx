/** Whether the server keeps up: each line says what it is, and what it means where it is not well. */
import type { ComponentChildren } from 'preact';
import type { Address } from '../kit/address.ts';
import { clockTime, counted, grouped, shortBytes } from '../kit/format.ts';
import { Link, type LinkProps } from '../kit/link.tsx';
import type { Health } from '../server/answers.ts';
import { usePage } from '../server/connection.ts';
import { useHealth } from '../server/known.ts';
import { Unanswered } from '../server/quality.tsx';
import { may } from '../server/session.ts';

/** Behind by more than this is not the moment between two looks. */
const LAG_BYTES_NOTED = 8 * 1024 * 1024;
/** Of the log's room: past it senders will soon be told to come back. */
const LOG_SHARE_NOTED = 0.8;

export interface HealthPanelProps {
  readonly go: Address['go'];
}

export function HealthPanel({ go }: HealthPanelProps) {
  const { session } = usePage();
  const isAdmin = may(session, 'admin');
  const { data, error, again } = useHealth(isAdmin);
  return (
    <section class="panel wide" aria-labelledby="health-title">
      <h2 id="health-title">Ingest</h2>
      {!isAdmin && (
        <p class="quiet">
          How the server is, is for operators: sign in with a key that has scope "admin". This one
          has {session.access?.scopes.join(', ')}.
        </p>
      )}
      {isAdmin && <Unanswered data={data} error={error} again={again} />}
      {data && <HealthLines health={data} go={go} />}
    </section>
  );
}

interface HealthLinesProps extends HealthPanelProps {
  readonly health: Health;
}

function HealthLines({ health, go }: HealthLinesProps) {
  const { actors, partitions, logBytes, logBytesMax, diskFreeBytes, diskReserveBytes } = health;
  const lag = partitions && Math.max(0, ...partitions.map(({ lagBytes }) => lagBytes));
  const restarts = actors?.reduce((sum, actor) => sum + actor.restarts, 0);
  const failed = actors?.filter(({ state }) => state === 'failed').length ?? 0;
  const isLogFull = logBytesMax !== null && logBytes > LOG_SHARE_NOTED * logBytesMax;
  const isDiskLow = diskFreeBytes !== null && diskFreeBytes < 2 * diskReserveBytes;
  const troubles = [
    health.logRefusal,
    health.spooling,
    health.archiveProblem,
    ...health.problems,
  ].filter((trouble) => trouble !== null);
  return (
    <>
      {troubles.map((trouble) => (
        <p key={trouble} class="trouble" role="alert">
          {trouble}
        </p>
      ))}
      <dl class="lines">
        <Fact name="Accepted" note="since the server's start">
          <span data-figure="accepted">{count(health.eventsAccepted)}</span>
        </Fact>
        <Fact
          name="Rejected"
          note="kept as dead letters"
          link={{ path: '/system#dead-letters', go }}
        >
          <span data-figure="rejected">{count(health.eventsRejected)}</span>
        </Fact>
        <Fact
          name="Lag"
          isNoted={lag !== null && lag > LAG_BYTES_NOTED}
          note={
            lag !== null && lag > LAG_BYTES_NOTED
              ? 'durable, and not counted yet'
              : 'log not counted yet'
          }
        >
          {shortBytes(lag)}
        </Fact>
        <Fact
          name="Restarts"
          isNoted={failed > 0}
          note={
            failed > 0
              ? `${counted(failed, 'actor')} failed for good: see System`
              : 'of actors, since the start'
          }
          link={{ path: '/system', go }}
        >
          {count(restarts)}
        </Fact>
        <Fact
          name="Log"
          isNoted={isLogFull}
          note={
            logBytesMax === null
              ? 'in the topic'
              : `of ${shortBytes(logBytesMax)}, then events are refused`
          }
        >
          {shortBytes(logBytes)}
        </Fact>
        <Fact
          name="Disk"
          isNoted={isDiskLow}
          note={`free; below ${shortBytes(diskReserveBytes)} events are refused`}
        >
          {shortBytes(diskFreeBytes)}
        </Fact>
      </dl>
      <p class="quality quiet">As of {clockTime(health.at)}, every second</p>
    </>
  );
}

const count = (events: number | null | undefined): string =>
  events == null ? '–' : grouped(events);

interface FactProps {
  readonly name: string;
  readonly note: string;
  readonly isNoted?: boolean;
  readonly link?: Pick<LinkProps, 'path' | 'go'>;
  readonly children: ComponentChildren;
}

function Fact({ name, note, isNoted = false, link, children }: FactProps) {
  return (
    <div class={isNoted ? 'noted' : ''}>
      <dt>{link === undefined ? name : <Link {...link}>{name}</Link>}</dt>
      <dd>
        <b class="number">{children}</b> <span class="quiet">{note}</span>
      </dd>
    </div>
  );
}
