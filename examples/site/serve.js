/**
 * A small shop, to try Streamgauge with: `node examples/site/serve.js` serves it at http://localhost:8090/. Each of its pages has the one line
 * that tells of views. SITE_PORT is another port, STREAMGAUGE_URL another ingest listener than http://localhost:8080.
 */
import { createServer } from 'node:http';

const { SITE_PORT: port = '8090', STREAMGAUGE_URL: ingestUrl = 'http://localhost:8080' } =
  process.env;

const PAGES = {
  '/': ['Lamps and chairs', 'What you sit on, and what you read by.'],
  '/lamps': ['Lamps', 'Three of brass, one of paper.'],
  '/chairs': ['Chairs', 'Oak, ash, and one that folds.'],
  '/cart': ['Your cart', 'It is empty. Nothing can be bought here.'],
};

const LINKS = Object.entries(PAGES).map(([path, [title]]) => `<a href="${path}">${title}</a>`);

const htmlOf = ([title, text]) => `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width">
    <title>${title}</title>
    <script src="${ingestUrl}/client.js" async></script>
    <style>
      body { max-width: 40rem; margin: 3rem auto; padding: 0 1rem; font: 1.125rem / 1.6 system-ui }
      nav { display: flex; flex-wrap: wrap; gap: 1rem }
    </style>
  </head>
  <body>
    <nav>${LINKS.join('')}</nav>
    <h1>${title}</h1>
    <p>${text}</p>
  </body>
</html>
`;

createServer(({ url }, response) => {
  const page = PAGES[new URL(url, 'http://shop').pathname];
  response.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
  response.end(htmlOf(page ?? ['Nothing is here', '']));
}).listen(Number(port), '127.0.0.1', () => {
  console.log(`the shop is at http://localhost:${port}/`);
});
