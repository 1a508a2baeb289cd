/** Of a server that has no event yet: the lines that send one, and a button that does. The first event replaces it by the live view. */
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { type Address, pathOf } from '../kit/address.ts';
import { CopyButton } from '../kit/copy-button.tsx';
import { Link } from '../kit/link.tsx';
import { usePage } from '../server/connection.ts';
import { curlOfEvent } from '../server/curl.ts';
import { useNewest } from '../server/use-live.ts';
import { scriptTagOf } from './script-tag.ts';
import { TestEvent } from './test-event.tsx';

/** Streams with events that are named where the one that is asked for has none. */
const OTHERS_MAX = 10;
const EVENT = { type: 'page_view', url: '/pricing', user: 'u1' };

interface Told {
  readonly streams: readonly string[];
}

const NONE_YET: Told = { streams: [] };

export interface FirstRunProps {
  readonly stream: string;
  /** The stream may have an event. */
  readonly arrived: () => void;
  readonly go: Address['go'];
}

export function FirstRun({ stream, arrived, go }: FirstRunProps) {
  const { data: { streams: names } = NONE_YET } = useNewest<Told>('subscription { streams }', {});
  const hasEvents = names.includes(stream);
  useEffect(() => {
    if (hasEvents) arrived();
  }, [hasEvents, arrived]);
  const { session } = usePage();
  const { hostname } = location;
  return (
    <section class="first-run" aria-labelledby="first-run-title">
      <h1 id="first-run-title">Send the first event</h1>
      <Line
        label="Command that sends an event"
        text={curlOfEvent(session, hostname, stream, EVENT)}
      >
        {stream === 'events' ? 'This server' : `Stream ${stream}`} has no event yet. Paste this into
        a terminal that reaches it:
      </Line>
      <Line label="Line for the pages of a site" text={scriptTagOf(session, hostname, stream)}>
        Or put this into the pages of a site, whose origin <code>cors.origins</code> names:
      </Line>
      {session.needsKey && (
        <p>
          KEY is one that may write; on the server{' '}
          <code>npx streamgauge keys create --tenant {session.access?.tenant} --public</code> makes
          one that everybody may see.
        </p>
      )}
      <TestEvent stream={stream} />
      <p class="waiting" role="status">
        <span class="pulse" aria-hidden="true" /> Waiting for the first event. This page shows it by
        itself.
      </p>
      {names.length > 0 && !hasEvents && (
        <p role="status">
          Events have come to{' '}
          {names.slice(0, OTHERS_MAX).map((name, i) => (
            <span key={name}>
              {i > 0 && ', '}
              <Link path={pathOf('/', { stream: name })} go={go}>
                {name}
              </Link>
            </span>
          ))}
          {names.length > OTHERS_MAX && ' and other streams'}.
        </p>
      )}
    </section>
  );
}

interface LineProps {
  readonly label: string;
  readonly text: string;
  /** What it is for. */
  readonly children: ComponentChildren;
}

function Line({ label, text, children }: LineProps) {
  return (
    <>
      <p>{children}</p>
      <textarea class="code" readOnly rows={3} aria-label={label} value={text} />
      <p class="actions">
        <CopyButton text={() => text}>Copy</CopyButton>
      </p>
    </>
  );
}
