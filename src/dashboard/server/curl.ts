/** Requests to this server as lines for a terminal. Pure. */
import { ingestUrlFor, type Session } from './session.ts';

/** Posts JSON. `KEY` stands for a key, where the server wants one. */
export function curlOf(url: string, needsKey: boolean, body: string): string {
  const key = needsKey ? ` -H 'Authorization: Bearer KEY'` : '';
  return `curl ${quoted(url)}${key} -H 'Content-Type: application/json' -d ${quoted(body)}`;
}

/** Sends an event; `hostName` is that by which the page was reached. */
export function curlOfEvent(
  session: Session,
  hostName: string,
  stream: string,
  event: object,
): string {
  const path = `/v1/events${stream === 'events' ? '' : `?stream=${encodeURIComponent(stream)}`}`;
  const url = ingestUrlFor(session, hostName) + path;
  return curlOf(url, session.needsKey, JSON.stringify(event));
}

/** One word of a POSIX shell, whatever is in it. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;
