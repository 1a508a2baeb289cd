/** The listening socket: plain or TLS, its port taken by nobody else, its certificate replaceable while it runs. */

import {
  App,
  SSLApp,
  type TemplatedApp,
  type us_listen_socket,
  us_listen_socket_close,
  us_socket_local_port,
} from 'uWebSockets.js';
import { AppError } from '../src/model/errors.ts';
import { checkCertificate, type TlsFiles } from '../src/model/tls-files.ts';

export interface SocketAddress {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: TlsFiles;
}

/** uWebSockets' `LIBUS_LISTEN_EXCLUSIVE_PORT`. Without it a second server on the port gets half of the connections. */
const EXCLUSIVE_PORT = 1;

interface Listening {
  readonly app: TemplatedApp;
  /** Undefined: the port was lost to another program while the certificate was replaced. */
  readonly socket: us_listen_socket | undefined;
}

export class ListeningSocket {
  readonly port: number;
  readonly #address: SocketAddress;
  readonly #routes: (app: TemplatedApp) => void;
  #current: Listening;
  /** Had the certificate before this one; its open connections live until the next replacement. */
  #previous: Listening | undefined;
  #isClosed = false;

  private constructor(address: SocketAddress, routes: (app: TemplatedApp) => void) {
    this.#routes = routes;
    const { app, socket } = listen(address, routes);
    this.#current = { app, socket };
    this.port = us_socket_local_port(socket);
    this.#address = { ...address, port: this.port };
  }

  /** Rejects with `listen_failed`, or `config_invalid` if certificate and key do not fit. */
  static async open(
    address: SocketAddress,
    routes: (app: TemplatedApp) => void,
  ): Promise<ListeningSocket> {
    if (address.tls !== undefined) await checkCertificate(address.tls);
    return new ListeningSocket(address, routes);
  }

  /** Reads the certificate files again, for new connections. Rejects and changes nothing if they do not fit. */
  async replaceCertificate(): Promise<void> {
    const { tls } = this.#address;
    if (tls === undefined) return;
    await checkCertificate(tls);
    // Closed meanwhile: what is freed must not be touched.
    if (this.#isClosed) return;
    const old = this.#current;
    // In one turn of the event loop, so that nobody else takes the port in between.
    if (old.socket !== undefined) us_listen_socket_close(old.socket);
    this.#current = { app: old.app, socket: undefined };
    try {
      this.#current = listen(this.#address, this.#routes);
    } catch (error) {
      // The library reads the files itself, and they may have changed since they were checked.
      this.#current = { app: old.app, socket: bind(old.app, this.#address) };
      throw error;
    }
    this.#previous?.app.close();
    this.#previous = old;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#previous?.app.close();
    this.#current.app.close();
  }
}

function listen(address: SocketAddress, routes: (app: TemplatedApp) => void) {
  const { tls } = address;
  const app =
    tls === undefined
      ? App()
      : SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
  routes(app);
  try {
    return { app, socket: bind(app, address) };
  } catch (error) {
    app.close();
    throw error;
  }
}

function bind(app: TemplatedApp, { host, port }: SocketAddress): us_listen_socket {
  const bound: { socket?: us_listen_socket } = {};
  const done = (socket: us_listen_socket | false) => {
    if (socket !== false) bound.socket = socket;
  };
  // The library takes host and options together, its typings know them only apart.
  Reflect.apply(app.listen, app, [host, port, EXCLUSIVE_PORT, done]);
  if (bound.socket === undefined) {
    throw new AppError(
      'listen_failed',
      `${host}:${port} cannot be listened on: is another program there, and is the address of this machine?`,
    );
  }
  return bound.socket;
}
