/** Ports for tests that must name one. */
import { createServer } from 'node:net';

/** Below what systems choose from for connections and for port 0: nobody is given one of these meanwhile. */
const FROM = 20_000;
const STRETCHES = 120;
const STRETCH = 100;
/** Test files run in processes at the same time, and an edge shares its port with whoever has it already. */
let next = FROM + (process.pid % STRETCHES) * STRETCH;

/** A port that nobody listens on; no other test file is given it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = next++;
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}
