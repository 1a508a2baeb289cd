/** `/healthz`: this thread answers. `/readyz`: and it would take events now. */
import type { HttpResponse, TemplatedApp } from 'uWebSockets.js';
import type { EdgeContext } from './edge-context.ts';

export function routeHealth(app: TemplatedApp, edge: EdgeContext): void {
  app.get('/healthz', (res) => answer(res, '200 OK', { status: 'ok' }));
  app.get('/readyz', (res) => {
    const reason = edge.unreadyReason();
    if (reason === undefined) answer(res, '200 OK', { status: 'ready', note: edge.readyNote() });
    else answer(res, '503 Service Unavailable', { status: 'not ready', reason });
  });
}

function answer(res: HttpResponse, status: string, body: object): void {
  res.writeStatus(status).writeHeader('Content-Type', 'application/json');
  res.end(JSON.stringify(body));
}
