/**
 * The case `alarms` of `npm run bench`, alone: what evaluating costs, and how long it takes from an event that crosses a
 * threshold to the webhook that says so.
 *
 *   node load-tests/alarm-bench.ts [--seconds 20] [--probes 100] [--partitions 4] [--only cost|latency] [--save]
 */
import { parseArgs } from 'node:util';
import { costText, measureCost } from './alarm-cost.ts';
import { latencyText, measureLatency } from './alarm-latency.ts';
import { saveResult } from './results.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '20' },
    probes: { type: 'string', default: '100' },
    partitions: { type: 'string', default: '4' },
    only: { type: 'string' },
    save: { type: 'boolean', default: false },
  },
});
const options = {
  seconds: Number(values.seconds),
  probes: Number(values.probes),
  partitions: Number(values.partitions),
};
const isWanted = (part: string): boolean => (values.only ?? part) === part;
const cost = isWanted('cost') ? await measureCost(options) : [];
const latency = isWanted('latency') ? await measureLatency(options) : [];
const text = [
  ...(cost.length > 0 ? costText(cost, options) : []),
  ...(latency.length > 0 ? latencyText(latency, options) : []),
].join('\n');
process.stdout.write(`${text}\n`);
if (values.save) {
  const name = ['alarm-bench', values.only].filter(Boolean).join('-');
  process.stdout.write(`${saveResult(name, text, { ...options, cost, latency })}\n`);
}
process.exit(0);
