/** The site whose pages the storm is about: one page, from a host that is never away. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const BUILD = fileURLToPath(new URL('../../bin/build-client.js', import.meta.url));
const PAGE = fileURLToPath(new URL('./page/page.ts', import.meta.url));

export class Site {
  readonly #server: HttpServer;

  /** What it and the server hand out is of these sources. */
  static async start(): Promise<Site> {
    execFileSync(process.execPath, [BUILD]);
    const { outputFiles } = await build({
      entryPoints: [PAGE],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2022',
    });
    const page = `<!doctype html><title>Storm</title><script>${outputFiles[0]?.text}</script>`;
    const server = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end(page);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Site(server);
  }

  private constructor(server: HttpServer) {
    this.#server = server;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}
