/**
 * Compiles functions, runs each once, lets V8 collect the heap by itself many times, and says what part of their bytecode is left. With the argument
 * `keep` as the server does.
 */
import { GCProfiler, getHeapCodeStatistics } from 'node:v8';
import { stayWarm } from '../src/stay-warm.ts';

const FUNCTIONS = 2_000;
/** Code goes after six in which it has not run. */
const COLLECTIONS = 10;
const OBJECTS = 200_000;

if (process.argv[2] === 'keep') stayWarm();
const functions = Array.from({ length: FUNCTIONS }, (_, i) => new Function(`return ${i} + "${i}"`));
for (const each of functions) each();
const before = bytecodeBytes();
for (let collections = 0; collections < COLLECTIONS; ) {
  const profiler = new GCProfiler();
  profiler.start();
  makeGarbage();
  const { statistics } = profiler.stop();
  collections += statistics.filter(({ gcType }) => gcType === 'MarkSweepCompact').length;
}
process.stdout.write(String(bytecodeBytes() / before));
// Until here they are not garbage themselves.
for (const each of functions) each();

function bytecodeBytes(): number {
  return getHeapCodeStatistics().bytecode_and_metadata_size;
}

/** So much that V8 takes it for old before it is garbage. */
function makeGarbage(): object[] {
  return Array.from({ length: OBJECTS }, (_, i) => ({ i }));
}
