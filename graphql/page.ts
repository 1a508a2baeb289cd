/** The page at `/`: where everything is, and how to send and see a first event. */

export interface PageOptions {
  readonly ingestUrl: string;
  readonly queryUrl: string;
  readonly graphiql: boolean;
  /** Without keys the example works as it stands. */
  readonly needsKey: boolean;
  readonly version: string;
}

export function renderPage({
  ingestUrl,
  queryUrl,
  graphiql,
  needsKey,
  version,
}: PageOptions): string {
  const key = needsKey ? ` -H 'Authorization: Bearer KEY'` : '';
  const send = `curl '${ingestUrl}/v1/events'${key} -H 'Content-Type: application/json' \\
  -d '{"type":"page_view","url":"/pricing","user":"u1"}'`;
  const ask = `curl '${queryUrl}/graphql'${key} -H 'Content-Type: application/json' \\
  -d '{"query":"{ timeseries(last: \\"15m\\", groupBy: [\\"type\\"]) { watermark series { labels { name value } points { t values { value } } } } }"}'`;
  const links = [
    graphiql ? ['/graphql', 'GraphiQL: try queries and subscriptions'] : undefined,
    ['/metrics', 'Metrics in the Prometheus text format'],
    ['/healthz', 'Alive?'],
    ['/readyz', 'Ready?'],
  ].filter((link) => link !== undefined);
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark">
<title>Streamgauge</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 2rem auto; padding: 0 1rem }
pre { overflow: auto; padding: .75rem; border: 1px solid color-mix(in srgb, currentcolor 25%, transparent) }
</style>
<h1>Streamgauge ${escapeHtml(version)}</h1>
<p>Send an event:</p>
<pre>${escapeHtml(send)}</pre>
<p>See it counted:</p>
<pre>${escapeHtml(ask)}</pre>
<ul>
${links.map(([path = '', text = '']) => `<li><a href="${path}">${path}</a> ${text}</li>`).join('\n')}
</ul>
</html>
`;
}

const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
