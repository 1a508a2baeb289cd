/**
 * Answers health checks while the state is restored, which may take minutes: nobody shall take a server for dead that is at work. It
 * lets go of the addresses before those listen who are meant to.
 */
import { readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Config } from './config.ts';
import type { Logger } from './model/logger.ts';

export interface StartingListener {
  /** In words, for `/readyz`. */
  say(reason: string): void;
  close(): Promise<void>;
}

/** Ports that are taken, or left to the system, have none: the server proper says so. */
export async function listenWhileStarting(
  { listen, tls }: Pick<Config, 'listen' | 'tls'>,
  logger: Logger,
): Promise<StartingListener> {
  let reason = 'the server is starting';
  const answer: RequestListener = ({ url = '' }, response) => {
    const isHealth = url.split('?')[0] === '/healthz';
    response.writeHead(isHealth ? 200 : 503, {
      'content-type': 'application/json',
      connection: 'close',
      ...(!isHealth && { 'retry-after': '5' }),
    });
    response.end(JSON.stringify(isHealth ? { status: 'ok' } : { status: 'not ready', reason }));
  };
  const files = tls && {
    cert: await readFile(tls.certFile),
    key: await readFile(tls.keyFile),
  };
  const servers: Server[] = [];
  for (const port of [listen.ingestPort, listen.queryPort]) {
    if (port === 0) continue;
    const server = files === undefined ? createServer(answer) : createTlsServer(files, answer);
    const { promise, resolve } = Promise.withResolvers<void>();
    server.once('error', (error) => {
      logger.warn({ err: error, port }, 'health checks are not answered while the server starts');
      resolve();
    });
    server.listen(port, listen.host, resolve);
    await promise;
    servers.push(server);
  }
  return {
    say: (now) => {
      reason = now;
    },
    close: async () => {
      await Promise.all(
        servers.map(async (server) => {
          if (!server.listening) return;
          const closed = new Promise((resolve) => server.close(resolve));
          server.closeAllConnections();
          await closed;
        }),
      );
    },
  };
}
