/** The one line by which the pages of a site send their views. Pure. */
import { ingestUrlFor, type Session } from '../server/session.ts';

/** `hostName` is that by which the page was reached; `KEY` stands for a key, where the server wants one. */
export function scriptTagOf(session: Session, hostName: string, stream: string): string {
  const attributes = [
    `src="${ingestUrlFor(session, hostName)}/client.js"`,
    ...(session.needsKey ? ['data-key="KEY"'] : []),
    ...(stream === 'events' ? [] : [`data-stream="${stream.replaceAll('"', '&quot;')}"`]),
    'async',
  ];
  return `<script ${attributes.join(' ')}></script>`;
}
