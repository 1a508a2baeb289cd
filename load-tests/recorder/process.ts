/**
 * The recorder: checks each webhook with the standardwebhooks library, writes it down, and then answers well, or with 500, or
 * closes the connection, or never. It knows nothing of the server but the secret.
 */
import { ok as assert } from 'node:assert';
import { appendFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { Webhook } from 'standardwebhooks';
import { seededRandom } from '../random.ts';
import type { Recorded } from '../recorder.ts';
import type { RecorderOptions, RecorderReady } from './protocol.ts';

const options: RecorderOptions = JSON.parse(process.argv[2] ?? '');
const random = seededRandom(options.seed);
const webhook = new Webhook(options.secret);
const BAD = ['error', 'nothing', 'closed'] as const;
let { badShare } = options;

const server = createServer(async (request, response) => {
  const body = await text(request);
  const id = String(request.headers['webhook-id']);
  const isBad = random.next() < badShare;
  const answered = isBad ? (BAD[random.between(0, BAD.length)] ?? 'error') : 'ok';
  const problem = problemOf(body, request.headers);
  const recorded: Recorded = { atMs: Date.now(), id, problem, answered, body };
  appendFileSync(options.file, `${JSON.stringify(recorded)}\n`);
  answer(response, answered);
});
process.on('message', () => {
  badShare = 0;
});
process.on('disconnect', () => process.exit());
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  assert(typeof address === 'object' && address !== null);
  const ready: RecorderReady = { port: address.port };
  process.send?.(ready);
});

function problemOf(body: string, headers: NodeJS.Dict<string | string[]>): string {
  try {
    const texts = Object.entries(headers).map(([name, value]) => [name, String(value)]);
    webhook.verify(body, Object.fromEntries(texts));
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function answer(response: ServerResponse, how: Recorded['answered']): void {
  switch (how) {
    case 'ok':
      response.writeHead(204).end();
      return;
    case 'error':
      response.writeHead(500).end('not now');
      return;
    case 'closed':
      response.destroy();
      return;
    case 'nothing':
      return;
  }
}
