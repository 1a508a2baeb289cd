/**
 * A small shop, to try Streamgauge with: `node examples/site/serve.js` serves it at http://localhost:8090/. Each page has the one line that
 * tells of its views; STREAMGAUGE_URL says where the ingest listener is, if not at http://localhost:8080.
 */
import { createServer } from 'node:http';
import { fileURLToPath } from 'node:url';

const DEFAULT_PORT = 8090;
const DEFAULT_INGEST_URL = 'http://localhost:8080';

const PAGES = {
  '/': ['Lamps and chairs', 'What you sit on, and what you read by.'],
  '/lamps': ['Lamps', 'Three of brass, one of paper.'],
  '/chairs': ['Chairs', 'Oak, ash, and one that folds.'],
  '/cart': ['Your cart', 'It is empty. Nothing can be bought here.'],
};

/** Resolves to the server once it listens; port 0 takes a free one. */
export function serveSite(port = DEFAULT_PORT, ingestUrl = DEFAULT_INGEST_URL) {
  const server = createServer(({ url }, response) => {
    const { pathname } = new URL(url, 'http://site');
    const page = PAGES[pathname];
    response.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
    response.end(htmlOf(...(page ?? ['Nothing is here', '']), ingestUrl));
  });
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}

const htmlOf = (title, text, ingestUrl) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>${title}</title>
    <script src="${ingestUrl}/client.js" async></script>
    <style>
      body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1.125rem / 1.6 system-ui, sans-serif }
      nav a { margin-right: 1rem }
    </style>
  </head>
  <body>
    <nav>${Object.entries(PAGES)
      .map(([path, [name]]) => `<a href="${path}">${name}</a>`)
      .join('')}</nav>
    <h1>${title}</h1>
    <p>${text}</p>
  </body>
</html>
`;

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await serveSite(DEFAULT_PORT, process.env.STREAMGAUGE_URL ?? DEFAULT_INGEST_URL);
  console.log(`the shop is at http://localhost:${DEFAULT_PORT}/`);
}
