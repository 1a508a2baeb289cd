/** Code that V8 has compiled stays compiled, however seldom it runs. */
import { setFlagsFromString } from 'node:v8';

/**
 * V8 throws away the bytecode of functions that have not run during six collections of the heap, which under load are some seconds: whoever asks after a
 * pause waits until all that a question runs is compiled anew. The flag is of the process, and each thread reads it at each collection.
 */
export function keepCompiledCode(): void {
  setFlagsFromString('--no-flush-bytecode');
}
