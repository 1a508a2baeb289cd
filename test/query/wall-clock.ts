/** What a clock shows, by Intl alone: what zones and calendars are held against. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Epoch ms at which a clock of UTC shows the same. */
export function shownAt(timeZone: string, atMs: number): number {
  const format =
    formats.get(timeZone) ??
    new Intl.DateTimeFormat('en-US', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
  formats.set(timeZone, format);
  const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, Number(value)]));
  const of = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? 0;
  const date = Date.UTC(of('year'), of('month') - 1, of('day'));
  const ofDay = (of('hour') * 60 + of('minute')) * 60 + of('second');
  return date + ofDay * 1_000 + (((atMs % 1_000) + 1_000) % 1_000);
}
