/** The site whose pages the storm is about: one page, from a host that is never away. */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { build, type Plugin } from 'esbuild';
import { mutate, type PlantedChange } from '../fault/mutants.ts';

const BUILD = fileURLToPath(new URL('../../bin/build-client.js', import.meta.url));
const PAGE = fileURLToPath(new URL('./page/page.ts', import.meta.url));

export class Site {
  readonly #server: HttpServer;

  /** What it and the server hand out is of these sources; its own pages with what is planted. */
  static async start(planted?: PlantedChange): Promise<Site> {
    execFileSync(process.execPath, [BUILD]);
    const { outputFiles } = await build({
      entryPoints: [PAGE],
      bundle: true,
      write: false,
      format: 'iife',
      target: 'es2022',
      plugins: planted === undefined ? [] : [plantedIn(planted)],
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

/** Changes the source as it is bundled. */
const plantedIn = (change: PlantedChange): Plugin => ({
  name: change.name,
  setup({ onLoad }) {
    const filter = new RegExp(`/${change.file.replaceAll('.', '[.]')}$`);
    onLoad({ filter }, async ({ path }) => ({
      contents: mutate(await readFile(path, 'utf8'), change),
      loader: 'ts',
    }));
  },
});
