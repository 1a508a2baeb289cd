/** The visitor in `localStorage`: the same in all tabs of an origin. */
import type { VisitorState, VisitorStore } from '../platform.ts';

const NAME = 'streamgauge';

/** Storage throws where it is full, switched off, or a frame of another site may not use it: then nothing is kept. */
export const localVisitors: VisitorStore = {
  read() {
    try {
      const state: Partial<VisitorState> = JSON.parse(localStorage.getItem(NAME) ?? '{}');
      const { device, session, user, lastMs } = state;
      const isWhole = typeof device === 'string' && typeof session === 'string';
      return isWhole && typeof lastMs === 'number' ? { device, session, user, lastMs } : undefined;
    } catch {
      return undefined;
    }
  },
  write(state) {
    try {
      localStorage.setItem(NAME, JSON.stringify(state));
    } catch {}
  },
  clear() {
    try {
      localStorage.removeItem(NAME);
    } catch {}
  },
};
