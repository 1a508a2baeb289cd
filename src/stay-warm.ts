/** Who asks after a pause is answered as fast as who asked before it. */
import { setFlagsFromString } from 'node:v8';

/** A heap in which little happens for as long gives memory back. V8's own is 8 s. */
const SHRINK_AFTER_MS = 10 * 60_000;

/**
 * V8 throws away the bytecode of functions that have not run during six collections of the heap, which under load are some seconds, and takes the
 * young generation's memory from a heap that rests: the first question after a pause waits until all that it runs is compiled anew, and is
 * stopped a dozen times until its objects have room again. Flags are of the process, and each thread reads these two at each collection.
 */
export function stayWarm(): void {
  setFlagsFromString('--no-flush-bytecode');
  setFlagsFromString(`--gc-memory-reducer-start-delay-ms=${SHRINK_AFTER_MS}`);
}
