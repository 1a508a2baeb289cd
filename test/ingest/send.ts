/** A client that can misbehave: each request on a socket of its own, byte by byte if need be. */
import { connect, type Socket } from 'node:net';

export interface Request {
  readonly method?: string;
  /** Path and query. */
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
  /** The members of a JSON answer; empty for any other. */
  readonly json: Readonly<Record<string, unknown>>;
}

const NDJSON = { 'content-type': 'application/x-ndjson' };

/** Sends one whole request and resolves with its answer. */
export function send(port: number, request: Request): Promise<Answer> {
  const socket = connect(port, '127.0.0.1');
  socket.write(head(request));
  if (request.body !== undefined) socket.write(request.body);
  return answerOn(socket).finally(() => socket.destroy());
}

/** The first line and headers, with the body's true length unless a header gives another. */
export function head({
  method = 'POST',
  path = '/v1/events',
  headers,
  body = '',
}: Request): string {
  const fields = {
    host: 'test',
    ...NDJSON,
    'content-length': String(Buffer.byteLength(body)),
    ...headers,
  };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** The next answer; rejects if the connection ends without one. */
export async function answerOn(socket: Socket): Promise<Answer> {
  let received = Buffer.alloc(0);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const take = (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const answer = parse(received);
    if (answer !== undefined) resolve(answer);
  };
  const closed = () => reject(new Error(`closed after "${received.toString('latin1')}"`));
  socket.on('data', take).on('error', reject).on('close', closed);
  try {
    return await promise;
  } finally {
    socket.off('data', take).off('error', reject).off('close', closed);
    // What a refused sender still writes may reset its connection; its answer is here.
    if (socket.listenerCount('error') === 0) socket.on('error', () => {});
  }
}

function parse(received: Buffer): Answer | undefined {
  const text = received.toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [statusLine = '', ...fields] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(
    fields.map((field) => {
      const colon = field.indexOf(':');
      return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()];
    }),
  );
  const body = text.slice(end + 4);
  if (Buffer.byteLength(body) < Number(headers['content-length'] ?? 0)) return undefined;
  const isJson = headers['content-type'] === 'application/json';
  return {
    status: Number(statusLine.split(' ')[1]),
    headers,
    text: body,
    json: isJson ? JSON.parse(body) : {},
  };
}
