/** A line for a terminal that sends an event to this server. */
import { ingestUrlFor, type Session } from './session.ts';

/** `KEY` stands in it where one is needed. */
export function sendLine(session: Session, stream: string, event: object): string {
  const url = ingestUrlFor(session, location.hostname);
  const key = session.needsKey ? ` -H 'Authorization: Bearer KEY'` : '';
  const path = `/v1/events${stream === 'events' ? '' : `?stream=${encodeURIComponent(stream)}`}`;
  const body = quoted(JSON.stringify(event));
  return `curl '${url}${path}'${key} -H 'Content-Type: application/json' -d ${body}`;
}

/** One word of a POSIX shell, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
