/** The views of the page: where each is, and the letter that goes there after `g`. */
export const VIEWS = [
  { path: '/', name: 'Overview', key: 'o' },
  { path: '/explore', name: 'Explore', key: 'e' },
  { path: '/dashboards', name: 'Dashboards', key: 'd' },
  { path: '/events', name: 'Events', key: 'v' },
  { path: '/alarms', name: 'Alarms', key: 'a' },
  { path: '/system', name: 'System', key: 's' },
] as const;

export type View = (typeof VIEWS)[number];
