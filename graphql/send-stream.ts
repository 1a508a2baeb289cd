/** A body of unknown length, sent at the pace of its client. */
import type { HttpResponse } from 'uWebSockets.js';
import type { ByteSource } from '../src/model/byte-source.ts';

/**
 * Reads the next piece only when the last one has left: what is not read by the client is not produced. A body that fails
 * breaks the connection off: its end would say that it is whole.
 */
export async function sendStream(
  res: HttpResponse,
  signal: AbortSignal,
  writeHead: () => void,
  body: ByteSource,
): Promise<void> {
  const writable = { resolve: () => {} };
  signal.addEventListener('abort', () => {
    writable.resolve();
    body.close();
  });
  if (signal.aborted) return body.close();
  res.onWritable(() => {
    writable.resolve();
    return true;
  });
  res.cork(writeHead);
  for (;;) {
    const piece = await nextOf(body, res, signal);
    if (signal.aborted) return;
    if (piece === undefined) break;
    let isTaken = true;
    res.cork(() => {
      isTaken = res.write(piece);
    });
    if (isTaken) continue;
    await new Promise<void>((resolve) => {
      const patience = keepStalled(res);
      writable.resolve = () => {
        clearInterval(patience);
        resolve();
      };
    });
    if (signal.aborted) return;
  }
  res.cork(() => res.end());
}

async function nextOf(
  body: ByteSource,
  res: HttpResponse,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  try {
    return await body.next();
  } catch (error) {
    if (!signal.aborted) res.close();
    throw error;
  }
}

/** A page in a background tab may stall and then go on; after this long it is taken for gone. */
const STALL_MS_MAX = 120_000;
const STALL_CHECK_MS = 4_000;

/** uWebSockets cuts a response whose client takes nothing for 10 s. A write does not wind that clock up again; this does. */
function keepStalled(res: HttpResponse): NodeJS.Timeout {
  let checksLeft = STALL_MS_MAX / STALL_CHECK_MS;
  return setInterval(() => {
    if (--checksLeft < 0) return;
    res.pause();
    res.resume();
  }, STALL_CHECK_MS);
}
