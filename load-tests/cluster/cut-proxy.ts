/** What lies between a node and a broker, and can be cut as a cable is: nobody is told, and what was under way arrives when it is mended. */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

const HOST = '127.0.0.1';

export class CutProxy {
  readonly port: number;
  /** Where it passes on to; set once it is known. */
  target = 0;
  readonly #server: Server;
  readonly #pairs = new Set<readonly [Socket, Socket]>();
  #isCut = false;

  static async open(): Promise<CutProxy> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, HOST);
    await once(server, 'listening');
    const address = server.address();
    if (address === null || typeof address === 'string') throw new Error('expected a port');
    return new CutProxy(server, address.port);
  }

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
    server.on('connection', (socket) => this.#connected(socket));
  }

  /** From now on nothing passes, in neither direction, and no connection breaks. */
  cut(): void {
    this.#isCut = true;
    for (const pair of this.#pairs) stop(pair);
  }

  mend(): void {
    this.#isCut = false;
    for (const pair of this.#pairs) pass(pair);
  }

  close(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.destroy();
    this.#server.close();
  }

  #connected(socket: Socket): void {
    const pair = [socket, connect({ port: this.target, host: HOST, allowHalfOpen: true })] as const;
    this.#pairs.add(pair);
    for (const each of pair) {
      each.on('error', () => undefined);
      each.on('close', () => {
        this.#pairs.delete(pair);
        // Of a cable that is cut the other end hears nothing.
        if (!this.#isCut) for (const end of pair) end.destroy();
      });
    }
    if (this.#isCut) stop(pair);
    else pass(pair);
  }
}

function pass([one, other]: readonly [Socket, Socket]): void {
  one.pipe(other);
  other.pipe(one);
}

function stop([one, other]: readonly [Socket, Socket]): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.unpipe(to);
    from.pause();
  }
}
