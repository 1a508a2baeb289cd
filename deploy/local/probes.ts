/** Questions that say whether a service is ready. A service that is not there yet is an answer, not an error. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { HOST } from './ports.ts';

const PROBE_MS_MAX = 2_000;

/** Whether something accepts connections. */
export async function answers(port: number): Promise<boolean> {
  return await withSocket(port, async () => true);
}

/** Of the answer to a GET; undefined if there is none. */
export async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(PROBE_MS_MAX) });
    await response.body?.cancel();
    return response.status;
  } catch {
    return undefined;
  }
}

/** The attributes of a bean of a Hadoop server; none if it does not answer. */
export async function readBean(url: string, bean: string): Promise<Record<string, unknown>> {
  try {
    const response = await fetch(`${url}/jmx?qry=${bean}`, {
      signal: AbortSignal.timeout(PROBE_MS_MAX),
    });
    const { beans }: { beans: Record<string, unknown>[] } = JSON.parse(await response.text());
    return beans[0] ?? {};
  } catch {
    return {};
  }
}

/**
 * Whether a Kafka broker answers a request. Its port is open long before: it takes requests only once it has registered
 * with its controller.
 */
export async function kafkaAnswers(port: number): Promise<boolean> {
  return await withSocket(port, async (socket) => {
    // ApiVersions v0: length, key 18, version 0, correlation id 1, no client id.
    socket.write(Buffer.from('0000000a001200000000 0001ffff'.replace(' ', ''), 'hex'));
    const [answer] = await once(socket, 'data', { signal: AbortSignal.timeout(PROBE_MS_MAX) });
    // Length, correlation id, error code.
    return (
      Buffer.isBuffer(answer) &&
      answer.length >= 10 &&
      answer.readInt32BE(4) === 1 &&
      answer.readInt16BE(8) === 0
    );
  });
}

async function withSocket(
  port: number,
  ask: (socket: Socket) => Promise<boolean>,
): Promise<boolean> {
  const socket = connect(port, HOST);
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(PROBE_MS_MAX) });
    return await ask(socket);
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
