/** A server before another one that passes every request on, and some of the answers not back. */
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';

/** @param isTarget of the requests of which it says yes, every second answer is lost, from the first one on */
export async function losingAnswers(
  t: ExecutionContext,
  server: string,
  isTarget: (method: string, url: URL) => boolean,
): Promise<string> {
  let seen = 0;
  const proxy = createServer((incoming, answer) => {
    const { method = '', headers, url: path = '' } = incoming;
    const url = new URL(path, server);
    const isOne = isTarget(method, url);
    if (isOne) seen += 1;
    const isLost = isOne && seen % 2 === 1;
    const onwards = request(url, { method, headers }, (theirs) => {
      if (isLost) {
        theirs.resume().once('end', () => incoming.socket.destroy());
        return;
      }
      answer.writeHead(theirs.statusCode ?? 0, theirs.headers);
      theirs.pipe(answer);
    });
    onwards.on('error', () => incoming.socket.destroy());
    incoming.pipe(onwards);
  });
  t.teardown(() => {
    proxy.closeAllConnections();
    proxy.close();
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}
