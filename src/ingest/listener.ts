/** The listening socket: plain or TLS, bounded in connections, with certificates that can be replaced while it runs. */

import * as uWS from 'uWebSockets.js';
import { AppError } from '../model/errors.ts';
import { checkCertificate, type TlsFiles } from '../model/tls-files.ts';

export interface ListenerOptions {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsFiles | undefined;
  readonly connectionsMax: number;
  /** Called for each app that the listener makes: one, and one more per certificate. */
  readonly routes: (app: uWS.TemplatedApp) => void;
  readonly connectionsChanged: (count: number) => void;
}

/** An app with its socket. Its certificate is fixed, so a new certificate takes a new one. */
interface Generation {
  readonly app: uWS.TemplatedApp;
  socket: uWS.us_listen_socket | undefined;
  connections: number;
}

/** Refuses at the door: plain text can still be told why. */
const FULL = JSON.stringify({
  error: { code: 'too_many_connections', message: 'connect again in a moment, or to another edge' },
});

export class Listener {
  readonly #options: ListenerOptions;
  #current: Generation | undefined;
  /** Had the certificate before this one, and serves its open connections to their end. */
  #previous: Generation | undefined;
  #connections = 0;

  private constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Rejects with `listen_failed`, or `config_invalid` if certificate and key do not fit. */
  static async open(options: ListenerOptions): Promise<Listener> {
    if (options.tls !== undefined) await checkCertificate(options.tls);
    const listener = new Listener(options);
    listener.#current = listener.#listen();
    return listener;
  }

  /**
   * Reads the certificate files again. New connections get the new one; open ones stay as they are, until the
   * next replacement at the latest. Rejects and changes nothing if the files do not fit.
   */
  async replaceCertificate(): Promise<void> {
    const { tls } = this.#options;
    if (tls === undefined || this.#current === undefined) return;
    await checkCertificate(tls);
    // Closed meanwhile: what is freed must not be touched.
    if (this.#current === undefined) return;
    // Both listen for a moment: the port is never closed.
    const next = this.#listen();
    this.#close(this.#previous);
    this.#previous = this.#current;
    this.#current = next;
    stopListening(this.#previous);
    this.#closeIfIdle(this.#previous);
  }

  /** No new connections from here on. */
  stop(): void {
    stopListening(this.#current);
    stopListening(this.#previous);
  }

  /** Cuts every connection. Must be called before the thread ends: the library aborts the process otherwise. */
  close(): void {
    this.#close(this.#current);
    this.#close(this.#previous);
    this.#current = undefined;
    this.#previous = undefined;
  }

  #listen(): Generation {
    const { tls, host, port, routes } = this.#options;
    const app =
      tls === undefined
        ? uWS.App()
        : uWS.SSLApp({ cert_file_name: tls.certFile, key_file_name: tls.keyFile });
    const generation: Generation = { app, socket: undefined, connections: 0 };
    app.filter((res, change) => this.#count(generation, res, change));
    routes(app);
    app.listen(host, port, (socket) => {
      if (socket !== false) generation.socket = socket;
    });
    if (generation.socket === undefined) {
      app.close();
      throw new AppError(
        'listen_failed',
        `${host}:${port} cannot be listened on: is another program there, and is the address of this machine?`,
      );
    }
    return generation;
  }

  #count(generation: Generation, res: uWS.HttpResponse, change: number): void {
    generation.connections += change;
    this.#connections += change;
    this.#options.connectionsChanged(this.#connections);
    if (change > 0 && this.#connections > this.#options.connectionsMax) this.#turnAway(res);
    if (change < 0 && generation === this.#previous) {
      // Not within the library's own callback.
      setImmediate(() => this.#closeIfIdle(generation));
    }
  }

  #turnAway(res: uWS.HttpResponse): void {
    if (this.#options.tls !== undefined) {
      res.close();
      return;
    }
    res.writeStatus('503 Service Unavailable').writeHeader('Content-Type', 'application/json');
    res.writeHeader('Retry-After', '1').end(FULL, true);
  }

  #closeIfIdle(generation: Generation): void {
    if (generation !== this.#previous || generation.connections > 0) return;
    this.#close(generation);
    this.#previous = undefined;
  }

  #close(generation: Generation | undefined): void {
    stopListening(generation);
    generation?.app.close();
  }
}

function stopListening(generation: Generation | undefined): void {
  if (generation?.socket === undefined) return;
  uWS.us_listen_socket_close(generation.socket);
  generation.socket = undefined;
}
