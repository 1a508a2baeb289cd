/** Times as the clock of a zone shows them, for inputs of type `datetime-local`. */

export const VIEWERS_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/** "2026-11-22T10:14:28". */
export const localTimeOf = (ms: number, timeZone: string): string =>
  new Date(ms).toLocaleString('sv-SE', { timeZone }).replace(' ', 'T');

/** Of a time that the clock shows twice one of the two; of one that it skips, one as far from its change. Undefined: it is none. */
export function epochMsOf(localTime: string, timeZone: string): number | undefined {
  const asUtcMs = Date.parse(`${localTime}Z`);
  if (Number.isNaN(asUtcMs)) return undefined;
  // The offset is that of the time itself, which the first guess is at most a day away from.
  const guessMs = asUtcMs - offsetMs(asUtcMs, timeZone);
  return asUtcMs - offsetMs(guessMs, timeZone);
}

const offsetMs = (ms: number, timeZone: string): number => {
  const wholeMs = Math.floor(ms / 1_000) * 1_000;
  return Date.parse(`${localTimeOf(wholeMs, timeZone)}Z`) - wholeMs;
};
