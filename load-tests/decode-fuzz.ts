/**
 * The differential fuzz of the decoder for as long as one likes: `node load-tests/decode-fuzz.ts --seconds 60 [--seed N]`.
 * On a failure it prints the seed, the path and the smallest lines that fail, and exits with 1.
 */
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import {
  arrayDisagreement,
  disagreement,
  hostileLines,
} from '../test/ingest/decode/differential.ts';

const { values: options } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, seed: { type: 'string' } },
});
const first = options.seed === undefined ? Date.now() % 2 ** 31 : Number(options.seed);
const until = performance.now() + Number(options.seconds) * 1e3;
let seed = first;
let runs = 0;
do {
  const result = fc.check(
    fc.property(hostileLines, (lines) => {
      const found = disagreement(lines) ?? arrayDisagreement(lines);
      if (found !== undefined) throw new Error(found);
    }),
    { numRuns: 1000, seed },
  );
  runs += result.numRuns;
  if (result.failed) {
    console.error(fc.defaultReportMessage(result));
    console.error(`again: node load-tests/decode-fuzz.ts --seconds 1 --seed ${seed}`);
    process.exit(1);
  }
  seed++;
} while (performance.now() < until);
console.log(`${runs} bodies of hostile lines, seeds ${first} to ${seed - 1}: no disagreement`);
