/**
 * A server that keeps nothing: it reads each body and answers what ours would, with the same socket library. Ended with its
 * parent.
 */
import * as uWS from 'uWebSockets.js';
import { outcomeJson } from '../../src/ingest/events.ts';
import { BodyOutcome } from '../../src/ingest/pieces.ts';
import { encodePositions } from '../../src/model/positions.ts';
import { offset } from '../../src/model/units.ts';
import type { BareServerOptions, BareServerReady } from './protocol.ts';

/** As long in a position as those in the middle of a run. */
const OFFSET = offset(2 ** 31);

const options: BareServerOptions = JSON.parse(process.argv[2] ?? '');
const json = new TextEncoder().encode(answer(options));

uWS
  .App()
  .post('/v1/events', (res) => {
    res.onAborted(() => {});
    res.onData((_, isLast) => {
      if (!isLast) return;
      res.cork(() => {
        res.writeHeader('Content-Type', 'application/json');
        res.end(json);
      });
    });
  })
  .listen(options.host, 0, (socket) => {
    if (socket === false) throw new Error(`expected to listen on ${options.host}`);
    const ready: BareServerReady = { port: uWS.us_socket_local_port(socket) };
    process.send?.(ready);
  });
process.on('disconnect', () => process.exit());

function answer({ partitions, eventsPerBody }: BareServerOptions): string {
  const outcome = new BodyOutcome();
  outcome.accepted = eventsPerBody;
  const positions = Array.from({ length: partitions }, (_, i) => [i, OFFSET] as const);
  return `{${outcomeJson(outcome, encodePositions(new Map(positions)))}}`;
}
