/** The same batch from three connections, before and after a crash: it must count once, and the ledger must say so. */
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { buildBodies, type StampedBody } from './bodies.ts';
import type { CrashSite } from './crash-loop.ts';
import type { Random } from './random.ts';
import type { Server } from './server.ts';
import { TruthCounter } from './truth.ts';
import { assertNone, differences } from './verify.ts';
import { STREAM } from './workload.ts';

const EVENTS = 1_000;
const SENDINGS = 3;

interface Reply {
  readonly accepted: number;
  readonly rejected: number;
  readonly duplicates: number;
}

/** Rejects with what is wrong. */
export async function repeatAcrossCrash(
  site: CrashSite,
  partitions: number,
  random: Random,
): Promise<void> {
  const server = await site.prepareServer(partitions);
  await server.start();
  const workload = { seed: 1, source: 1, bodies: 1, eventsPerBody: EVENTS };
  const body = buildBodies(workload, 'ndjson', () => new Uint8Array(0))[0] as StampedBody;
  body.stamp(0, Date.now());
  const truth = new TruthCounter(1);
  truth.add(body);
  for (let sending = 1; sending < SENDINGS; sending++) truth.addResent(body);

  // The first two race each other through the same open batch, or the next one.
  const replies = await Promise.all([send(server, body), send(server, body)]);
  await site.crash('cut', true, random);
  await server.start();
  replies.push(await send(server, body));

  const found = await differences(server, truth.read());
  const { duplicate } = await server.ledger();
  const repeated = (SENDINGS - 1) * EVENTS;
  if (duplicate !== repeated) {
    found.push(`ledger: expected ${repeated} duplicates, received ${duplicate}`);
  }
  const told = replies.reduce((sum, { duplicates }) => sum + duplicates, 0);
  if (told !== repeated) {
    found.push(`replies: expected ${repeated} duplicates in all, received ${told}`);
  }
  for (const { accepted } of replies) {
    if (accepted !== EVENTS) found.push(`expected ${EVENTS} accepted, received ${accepted}`);
  }
  assertNone('differences after the same batch was sent three times', found);
  await server.stop();
}

/** On a connection of its own. Waits until the aggregates hold the batch, so that the reply tells the duplicates. */
function send(server: Server, { bytes }: StampedBody): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const sending = request({
      host: server.host,
      port: server.ingestPort,
      method: 'POST',
      path: `/v1/events?stream=${STREAM}&ack=applied`,
      headers: { 'content-type': 'application/x-ndjson', 'content-length': bytes.length },
      agent: false,
    });
    sending.on('error', reject);
    sending.on('response', async (response) => {
      const answer = await text(response);
      if (response.statusCode === 200) resolve(JSON.parse(answer));
      else reject(new Error(`${response.statusCode} ${answer}`));
    });
    sending.end(bytes);
  });
}
