/** A folder on a file system of its own that can be filled. Needs root: whoever has no right to mount does without. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const BALLAST_PIECE = Buffer.alloc(2 ** 20);

export class SmallDisk {
  readonly #dir: string;

  /** Undefined: nothing may be mounted here. */
  static mount(dir: string, bytes: number): SmallDisk | undefined {
    mkdirSync(dir, { recursive: true });
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', dir], {
        stdio: 'ignore',
      });
      return new SmallDisk(dir);
    } catch {
      return undefined;
    }
  }

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** To the last block: whoever writes there is refused. */
  fill(): void {
    const { bavail, bsize } = statfsSync(this.#dir);
    let left = bavail * bsize;
    try {
      for (let piece = 0; left > 0; piece++) {
        const bytes = BALLAST_PIECE.subarray(0, Math.min(left, BALLAST_PIECE.length));
        writeFileSync(join(this.#ballast, `${piece}`), bytes);
        left -= bytes.length;
      }
    } catch {
      // The node writes, too, and was quicker.
    }
  }

  empty(): void {
    rmSync(join(this.#dir, 'ballast'), { recursive: true, force: true });
  }

  unmount(): void {
    execFileSync('umount', ['-l', this.#dir]);
  }

  get #ballast(): string {
    const dir = join(this.#dir, 'ballast');
    mkdirSync(dir, { recursive: true });
    return dir;
  }
}
