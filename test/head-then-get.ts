import { connect } from 'node:net';

/**
 * What a server sends for a HEAD and then a GET of `path` on one connection, until it ends with `end`, the body of the GET. A body behind
 * the head of the first would stand between the two.
 */
export function headThenGet(port: number, path: string, end: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect(port, '127.0.0.1');
  const ask = (method: string) => socket.write(`${method} ${path} HTTP/1.1\r\nHost: a\r\n\r\n`);
  let text = '';
  let isAskedAgain = false;
  socket.setEncoding('utf8').on('error', reject);
  socket.on('close', () => reject(new Error(`the connection has ended after ${text}`)));
  socket.on('data', (piece: string) => {
    text += piece;
    if (isAskedAgain && text.endsWith(end)) {
      resolve(text);
      socket.destroy();
    } else if (!isAskedAgain && text.includes('\r\n\r\n')) {
      isAskedAgain = true;
      ask('GET');
    }
  });
  ask('HEAD');
  return promise;
}
