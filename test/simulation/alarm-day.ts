/** The scripted day as a table, what is expected beside what is seen: `node test/simulation/alarm-day.ts [--seeds 5]`. */
import { parseArgs } from 'node:util';
import { runDay } from './alarm-day-run.ts';
import { EXPECTED } from './alarm-day-script.ts';

const { values } = parseArgs({ options: { seeds: { type: 'string', default: '5' } } });

const live = await runDay({ seed: 0, crash: 0, stepsPerLook: 1, muted: false });
const seen = new Set(live.lines);
const expected = new Set(EXPECTED.map(([line]) => line));
for (const [line, because] of EXPECTED) {
  console.log(`${seen.has(line) ? 'seen   ' : 'MISSING'} | ${line.padEnd(68)} | ${because}`);
}
for (const line of live.lines) if (!expected.has(line)) console.log(`EXTRA   | ${line}`);

const isSame = (name: string, lines: readonly string[]): boolean => {
  const same = JSON.stringify(lines) === JSON.stringify([...expected].sort());
  console.log(`${name}: ${lines.length} transitions, ${same ? 'as expected' : 'DIFFERENT'}`);
  return same;
};
const results = [isSame('live', live.lines)];
const replay = await runDay({ seed: 1, crash: 0, stepsPerLook: 360, muted: true });
results.push(isSame('replay', replay.lines));
for (let seed = 0; seed < Number(values.seeds); seed++) {
  const crashed = await runDay({ seed, crash: 0.01, stepsPerLook: 1, muted: false });
  results.push(isSame(`${crashed.crashes} crashes, seed ${seed}`, crashed.lines));
}
process.exitCode = results.every(Boolean) ? 0 : 1;
