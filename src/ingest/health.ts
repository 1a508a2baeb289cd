/** `/healthz`: this thread answers. `/readyz`: and it would take events now. */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import type { EdgeContext } from './edge-context.ts';
import { isHead, type Route } from './exchange.ts';

export function routeHealth(app: TemplatedApp, edge: EdgeContext): void {
  const live: Route = (res, req) => answer(res, req, '200 OK', { status: 'ok' });
  const ready: Route = (res, req) => {
    const reason = edge.unreadyReason();
    if (reason === undefined) {
      answer(res, req, '200 OK', { status: 'ready', note: edge.readyNote() });
    } else {
      answer(res, req, '503 Service Unavailable', { status: 'not ready', reason });
    }
  };
  app.get('/healthz', live).head('/healthz', live);
  app.get('/readyz', ready).head('/readyz', ready);
}

function answer(res: HttpResponse, req: HttpRequest, status: string, body: object): void {
  const text = JSON.stringify(body);
  res.writeStatus(status).writeHeader('Content-Type', 'application/json');
  if (isHead(req)) res.endWithoutBody();
  else res.end(text);
}
