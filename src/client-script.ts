/** The client for pages as `bin/build-client.js` has built it. */
import { readFileSync } from 'node:fs';

const BUILT = new URL('../.client/client.js', import.meta.url);

/** Undefined where nothing is built: `npm ci --omit=dev` brings no bundler. */
export function builtClientScript(): string | undefined {
  try {
    return readFileSync(BUILT, 'utf8');
  } catch {
    return undefined;
  }
}
