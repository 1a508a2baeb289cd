/** Changes of a dashboard that are not saved: they stay when one goes elsewhere in the page, and it does not close without a question. */
import type { Dashboard, Panel } from '../saved/dashboard-answers.ts';

/** Of a dashboard as it was when somebody began to change it. */
export type DashboardDraft = Pick<Dashboard, 'name' | 'panels' | 'version'>;

export const draftOf = ({ name, panels, version }: Dashboard): DashboardDraft => ({
  name,
  panels,
  version,
});

/** With a panel one place up (-1) or down (1); at an end nothing changes. */
export function moved(panels: readonly Panel[], panel: Panel, by: 1 | -1): readonly Panel[] {
  const from = panels.indexOf(panel);
  const to = from + by;
  if (from < 0 || to < 0 || to >= panels.length) return panels;
  const others = panels.filter((each) => each !== panel);
  return [...others.slice(0, to), panel, ...others.slice(to)];
}

/** Nobody changes more of them at a time; past it those that were left first are given up. */
const DRAFTS_MAX = 20;

const drafts = new Map<string, DashboardDraft>();

const askFirst = (event: Event): void => event.preventDefault();

export const keptDraft = (id: string): DashboardDraft | undefined => drafts.get(id);

export function keepDraft(id: string, draft: DashboardDraft): void {
  drafts.set(id, draft);
  const [oldest] = drafts.keys();
  if (drafts.size > DRAFTS_MAX && oldest !== undefined) drafts.delete(oldest);
  addEventListener('beforeunload', askFirst);
}

export function forgetDraft(id: string): void {
  drafts.delete(id);
  if (drafts.size === 0) removeEventListener('beforeunload', askFirst);
}
