/** How far something is, on standard error: one line that changes on a terminal, now and then one where it is kept. */
import type { Terminal } from './terminal.ts';

export interface ProgressLine {
  show(doing: string, files: number | undefined, bytes: number): void;
  /** Asks for the text if it is time for it. */
  tell(text: (elapsedMs: number) => string): void;
  /** Before anything else is written. */
  end(): void;
}

const INTERACTIVE_MS = 250;
const PLAIN_MS = 10_000;

export function progressLine(
  terminal: Terminal,
  now: () => number = () => performance.now(),
): ProgressLine {
  const startedMs = now();
  let shownMs = startedMs;
  let isOpen = false;
  const tell = (textAt: (elapsedMs: number) => string): void => {
    const nowMs = now();
    if (nowMs - shownMs < (terminal.isInteractive ? INTERACTIVE_MS : PLAIN_MS)) return;
    shownMs = nowMs;
    const text = textAt(nowMs - startedMs);
    terminal.err(terminal.isInteractive ? `\r\u001b[K${text}` : `${text}\n`);
    isOpen = terminal.isInteractive;
  };
  return {
    tell,
    show(doing, files, bytes) {
      tell((elapsedMs) => {
        const perSecond = (bytes / Math.max(1, elapsedMs)) * 1_000;
        const counted = files === undefined ? '' : `${files} files, `;
        return `${doing}: ${counted}${inMib(bytes)}, ${inMib(perSecond)}/s`;
      });
    },
    end() {
      if (isOpen) terminal.err('\r\u001b[K');
      isOpen = false;
    },
  };
}

const inMib = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
