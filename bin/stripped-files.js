/** Where sources without their types are kept: what `strip.js` writes and `stripped.js` reads. */
import { hash } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** In the program's own folder: whoever may write it may change the sources, too. */
export const FOLDER = fileURLToPath(new URL('../.stripped', import.meta.url));

/** The last line of a file that was written to its end. */
export const END = '\n// whole\n';

/** Another release of Node may strip otherwise. */
export const strippedFile = (source) =>
  join(
    FOLDER,
    `${hash('sha256', Buffer.concat([Buffer.from(process.version), Buffer.from(source)]))}.js`,
  );
