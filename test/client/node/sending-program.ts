/**
 * A program that tracks events until it is killed: `node sending-program.ts URL FILE FROM`. Says how many are tracked for
 * good, a line each time: what a killed program has not said may be there or not.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createClient } from '../../../src/client/node/index.ts';

const [url = '', file, from] = process.argv.slice(2);
const client = createClient({ url, file, flushIntervalMs: 20, batchEventsMax: 50 });
for (let n = Number(from); ; n++) {
  client.track('step', { id: `n${n}`, n });
  await nextTurn();
  if (n % 20 === 0) process.stdout.write(`${n}\n`);
}
